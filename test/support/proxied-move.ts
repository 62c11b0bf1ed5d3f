import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Debian } from './debian.ts'
import { startNew } from './destination.ts'
import { mustRun, rows } from './ferry.ts'
import type { ImapAccount } from './imap-wire.ts'
import { freePort } from './loopback.ts'
import type { OldServer } from './old-servers.ts'
import { type RunningService, startService } from './service.ts'
import { type Sync, startSync } from './sync.ts'
import { until } from './until.ts'

const KEY = 'the key of doveadm'

export interface ProxiedMove extends AsyncDisposable {
  readonly service: RunningService
  readonly homeRoot: string
  /** Of the new server. */
  account(person: string): ImapAccount
  shown(person: string): ReturnType<typeof rows>
  /** The attempt that said so, and where the person is: another one may have begun since. */
  told(person: string, says: RegExp): Promise<Attempt & { readonly route: string }>
  sync(): Sync
}

interface Attempt {
  readonly outcome: string
  readonly output: string
}

/** People of old.example at an old server, proxied through a new Dovecot, and flipped when somebody says so. */
export async function startProxiedMove(
  old: Pick<OldServer, 'port'>,
  debian: Debian,
  password: string,
): Promise<ProxiedMove> {
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'postferry-move-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, KEY)
  const port = await freePort()
  const homeRoot = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  opened.defer(() => rmSync(homeRoot, { recursive: true, force: true }))
  const service = opened.use(
    await startService({
      ...{ POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${port}`, POSTFERRY_DOVEADM_KEY_FILE: keyFile },
      POSTFERRY_HOME: `${homeRoot}/%d/%n`,
    }),
  )
  const where = ['--host', '127.0.0.1', '--port', `${old.port}`, '--tls', 'none', '--mx', '127.0.0.1']
  const how = ['--cutover', 'proxied', '--flip', 'manual', '--engine', 'doveadm']
  await mustRun(service, 'provider', 'add', 'old', ...where, ...how)
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
  const dovecot = opened.use(
    await startNew({
      ...{ passdb: 'lua', url: service.url, token: service.token, homeRoot, debian, proxy: { port, key: KEY } },
    }),
  )
  const shown = (person: string) => rows(service, 'migration', 'show', person)
  const held = opened.move()
  return {
    ...{ service, homeRoot, shown },
    account: (user) => ({ host: 'localhost', port: dovecot.port, user, password }),
    told: (person, says) =>
      until(async () => {
        const { route, attempts } = await shown(person)
        const attempt = (attempts as Attempt[]).find(({ output }) => says.test(output))
        return attempt && { route, ...attempt }
      }, `${says}`),
    sync: () => startSync(service, [], {}, debian),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  }
}
