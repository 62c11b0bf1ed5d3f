import { certificates } from '../support/certificates.ts'
import { type Source, startSource } from '../support/source-server.ts'
import type { Person } from './lanes/lane.ts'
import { startLoad } from './load.ts'
import { type Serving, startServing } from './serving.ts'

/** The source with people, and a service that knows the source. */
export interface Ferry extends AsyncDisposable {
  readonly old: Source
  readonly serving: Serving
  readonly people: readonly Person[]
}

export interface FerrySettings {
  readonly people: number
  readonly maxConnections?: number
  /** More options of the provider. */
  readonly provider?: readonly string[]
  /** Settings of the service. */
  readonly environment?: NodeJS.ProcessEnv
  /** More Dovecot settings of the source. */
  readonly old?: string
}

/** A Dovecot that writes down no more than one does that serves people. */
export const QUIET = 'auth_debug = no\nauth_verbose = no\n'

export async function startFerry(settings: FerrySettings): Promise<Ferry> {
  await using opened = new AsyncDisposableStack()
  const people = Array.from({ length: settings.people }, (_, number) => personNumber(number))
  const { server: tls } = await certificates()
  const passwords = Object.fromEntries(people.map(({ username, password }) => [username, password]))
  const old = opened.use(await startSource({ people: passwords, tls, configuration: settings.old ?? QUIET }))
  const serving = opened.use(await startServing(settings.environment))
  const place = ['--host', 'localhost', '--port', `${old.tlsPort}`, '--ca-file', tls.ca]
  const options = ['--max-connections', `${settings.maxConnections ?? 20}`, ...(settings.provider ?? [])]
  await serving.command('provider', 'add', 'old', ...place, ...options)
  await serving.command('domain', 'add', 'old.example', '--provider', 'old')
  const kept = opened.move()
  return { old, serving, people, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** The same with everybody known: each has signed in once. */
export async function startKnown(settings: FerrySettings): Promise<Ferry> {
  const ferry = await startFerry(settings)
  try {
    using load = await startLoad(askOverHttp(ferry, 8))
    await load.each(0, settings.people)
    return ferry
  } catch (error) {
    await ferry[Symbol.asyncDispose]()
    throw error
  }
}

/** Asks the service by TCP. */
export function askOverHttp({ serving: { port, token }, people }: Omit<Ferry, 'old'>, lanes: number) {
  return { kind: 'http', people, lanes, port, token } as const
}

function personNumber(number: number): Person {
  return { username: `person${number}@old.example`, password: `Kahn ${number} über den Fluß` }
}
