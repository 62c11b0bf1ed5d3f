import type { Provider } from '../../src/model/provider.ts'
import { certificates } from './certificates.ts'
import { bothDebians, type Debian } from './debian.ts'
import { whereIs } from './ferry.ts'
import { freePort } from './loopback.ts'
import type { OldSide } from './mail-servers.ts'
import { deliveryTo } from './mail-world.ts'
import type { Naming } from './mailboxes.ts'
import { withManageSieve } from './managesieve.ts'
import { type OldServer, startCourier, startCyrus } from './old-servers.ts'
import { PROVIDER } from './provider.ts'
import { startSource } from './source-server.ts'

/** The old servers that people are flipped from, by the way in which they name folders. */
export const SOURCES = {
  dovecot: { separator: '/', prefix: '' },
  courier: { separator: '.', prefix: 'INBOX.' },
  cyrus: { separator: '.', prefix: 'INBOX.' },
} as const satisfies Record<string, Naming>

export type SourceName = keyof typeof SOURCES

/** From where to where. */
export interface Flipped {
  readonly source: SourceName
  readonly debian: Debian
}

/** Each source with each Dovecot; POSTFERRY_SOAK_SOURCE and POSTFERRY_SOAK_DOVECOT name one of them. */
export function chosenFlips({ POSTFERRY_SOAK_SOURCE, POSTFERRY_SOAK_DOVECOT }: NodeJS.ProcessEnv): Flipped[] {
  const sources = chosen(POSTFERRY_SOAK_SOURCE, Object.keys(SOURCES) as SourceName[])
  const versions = chosen(
    POSTFERRY_SOAK_DOVECOT,
    bothDebians().map(({ dovecot }) => dovecot),
  )
  return bothDebians()
    .filter(({ dovecot }) => versions.includes(dovecot))
    .flatMap((debian) => sources.map((source) => ({ source, debian })))
}

function chosen<T extends string>(only: string | undefined, all: readonly T[]): readonly T[] {
  if (only === undefined) return all
  const found = all.filter((one) => one === only)
  if (found.length === 0) throw new Error(`${only} is none of ${all.join(', ')}`)
  return found
}

/** A Dovecot with ManageSieve, and how a mail program reaches that. */
export async function startSieveSide(people: Readonly<Record<string, string>>) {
  const { server: tls } = await certificates()
  const port = await freePort()
  const server = await startSource({
    ...{ people: { ...people }, tls },
    configuration: withManageSieve({ dovecot: '2.3' }, port),
  })
  const where = [...whereIs(server), '--sieve-port', `${port}`]
  const provider: Provider = { ...PROVIDER, tls: 'implicit', caFile: tls.ca }
  return { old: { server, where, delivery: deliveryTo(server) }, sieve: { provider, port } }
}

export async function startOldSide(
  name: SourceName,
  people: Readonly<Record<string, string>>,
): Promise<OldSide<AsyncDisposable>> {
  if (name === 'dovecot') {
    const { server: tls } = await certificates()
    const server = await startSource({ people: { ...people }, tls })
    return { server, where: whereIs(server), delivery: deliveryTo(server) }
  }
  return inTheClear(await (name === 'courier' ? startCourier : startCyrus)(people))
}

function inTheClear(server: OldServer): OldSide<AsyncDisposable> {
  const where = ['--host', '127.0.0.1', '--port', `${server.port}`, '--tls', 'none']
  return { server, where, delivery: server.delivery }
}
