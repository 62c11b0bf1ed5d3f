import type { Provider } from '../../src/model/provider.ts'
import { certificates } from './certificates.ts'
import { get, type RunningService, startService } from './service.ts'
import { type Source, type SourceSettings, startSource } from './source-server.ts'
import { until } from './until.ts'

/** A service that knows the source: `old.example` as it is, and `renamed.example`, which becomes `new.example`. */
export interface Ferry<Old = Source> extends AsyncDisposable {
  readonly old: Old
  readonly service: RunningService
}

export async function startFerry(
  people: Record<string, string>,
  settings: NodeJS.ProcessEnv = {},
  { engine = 'offlineimap', ...oldSettings }: Partial<SourceSettings> & { engine?: Provider['engine'] } = {},
): Promise<Ferry> {
  const { server: tls } = await certificates()
  const old = await startSource({ people, tls, ...oldSettings })
  return await startFerryTo(old, whereIs(old), settings, engine)
}

/** As `provider add` is told. */
export function whereIs({ tlsPort, ca }: Source): readonly string[] {
  return ['--host', 'localhost', '--port', `${tlsPort}`, '--ca-file', ca]
}

/** Takes the source over. */
export async function startFerryTo<Old extends AsyncDisposable>(
  old: Old,
  where: readonly string[],
  settings: NodeJS.ProcessEnv = {},
  engine: Provider['engine'] = 'offlineimap',
): Promise<Ferry<Old>> {
  try {
    const service = await startService(settings)
    // A database that is slow is still being upgraded when the service listens.
    await until(async () => (await get(service.socket, '/readyz')).status === 200, 'the service is ready')
    await mustRun(service, 'provider', 'add', 'old', ...where, '--engine', engine)
    await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
    await mustRun(service, 'domain', 'add', 'renamed.example', '--provider', 'old', '--new-domain', 'new.example')
    return {
      old,
      service,
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]()
        await old[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await old[Symbol.asyncDispose]()
    throw error
  }
}

/** Runs a command that has to succeed; returns what it prints. */
export async function mustRun(service: RunningService, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await service.run(args)
  if (exitCode !== 0) throw new Error(`postferry ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout
}

/** From now on the provider is at another port, and this host may send passwords there. */
export async function moveProvider(service: RunningService, name: string, port: number): Promise<void> {
  await mustRun(service, 'provider', 'set', name, '--port', `${port}`)
  await mustRun(service, 'provider', 'approve', name)
}

/** What a `--json` command prints. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into rows of any shape
export async function rows(service: RunningService, ...args: string[]): Promise<any> {
  return JSON.parse(await mustRun(service, ...args, '--json'))
}
