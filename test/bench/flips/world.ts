import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { startNew } from '../../support/destination.ts'
import type { Dovecot } from '../../support/dovecot.ts'
import { mustRun, startFerry } from '../../support/ferry.ts'
import { freePort } from '../../support/loopback.ts'
import { query } from '../../support/query.ts'
import { seed } from '../../support/seed.ts'
import type { RunningService } from '../../support/service.ts'
import { QUIET } from '../ferry.ts'

export type Person = readonly [address: string, password: string]

export interface FlipWorld extends AsyncDisposable {
  readonly service: RunningService
  readonly dovecot: Dovecot
  query(text: string): Promise<pg.QueryResult>
}

const FOLDERS = ['INBOX', 'Sent']

/** An old server and a new one, and people who have signed in and are proxied: nothing is copied yet. */
export async function startFlipWorld(people: readonly Person[], messages: number): Promise<FlipWorld> {
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'postferry-flips-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const proxy = { port: await freePort(), key: 'the key of doveadm' }
  const keyFile = join(folder, 'doveadm-key')
  writeFileSync(keyFile, `${proxy.key}\n`)
  const homeRoot = join(folder, 'homes')
  const ferry = opened.use(
    await startFerry(
      Object.fromEntries(people),
      {
        POSTFERRY_HOME: `${homeRoot}/%d/%n`,
        POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${proxy.port}`,
        POSTFERRY_DOVEADM_KEY_FILE: keyFile,
        POSTFERRY_LOG_LEVEL: 'warn',
      },
      { configuration: QUIET },
    ),
  )
  const { service, old } = ferry
  const passdb = { passdb: 'lua', url: service.url, token: service.token } as const
  const dovecot = opened.use(await startNew({ ...passdb, homeRoot, proxy, configuration: QUIET }))
  // Of the name's addresses Dovecot takes the first, which may be ::1.
  await mustRun(service, 'provider', 'set', 'old', '--host', '127.0.0.1', '--max-connections', '20')
  await mustRun(service, 'provider', 'approve', 'old')
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'doveadm', '--cutover', 'proxied', '--flip', 'manual')
  for (const person of people) {
    await seed(old.port, person, messages / FOLDERS.length, FOLDERS)
    const { status, body } = await service.passdb(...person)
    if (status !== 200) throw new Error(`${person[0]}: ${JSON.stringify(body)}`)
  }
  const held = opened.move()
  return {
    ...{ service, dovecot },
    query: (text) => query(service.dataDir, text),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
