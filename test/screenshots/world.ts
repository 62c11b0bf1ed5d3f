import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificates } from '../support/certificates.ts'
import { mustRun } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { fillInstallation } from '../support/installation.ts'
import { addAdministrators, OPERATOR, OWNER, VIEWER } from '../support/panel.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { type RunningService, startService } from '../support/service.ts'
import { type Source, startSource } from '../support/source-server.ts'
import { syncOnce } from '../support/sync.ts'

const PEOPLE = 412

/** Somebody whose mailbox is really there, and is really copied. */
export const CLARA = ['clara.winter@kontor.example', 'a secret of hers'] as const
const FOLDERS = { INBOX: 380, Sent: 120, Drafts: 4, 'Projects/Harbour': 61, 'Projects/Lighthouse': 35 }

/** Real servers, and an installation in the sixth week of its move. */
export interface World extends AsyncDisposable {
  readonly service: RunningService
}

export async function startWorld(): Promise<World> {
  const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(homes, 0o755)
  await using started = new AsyncDisposableStack()
  started.defer(() => rmSync(homes, { recursive: true }))
  const { server: tls } = await certificates()
  const kontor = started.use(await startSource({ people: Object.fromEntries([CLARA]), tls }))
  const weber = started.use(await startSource({ people: {}, tls }))
  const service = started.use(await startService({ POSTFERRY_HOME: `${homes}/%d/%n` }))
  for (const [name, old] of Object.entries({ kontor, weber })) await addProvider(service, name, old)
  await fillInstallation(service, ['kontor', 'weber'], PEOPLE)
  await addAdministrators(service, OWNER, OPERATOR, VIEWER)
  await move(service, kontor)
  await query(service.dataDir, `update attempt set host = 'mail1'`)
  await query(service.dataDir, `update credential set opened_by = 'sync on mail1'`)
  await atWork(service)
  const all = started.move()
  return { service, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

async function addProvider(service: RunningService, name: string, { tlsPort, ca }: Source): Promise<void> {
  const where = ['--host', 'localhost', '--port', `${tlsPort}`, '--ca-file', ca]
  await mustRun(service, 'provider', 'add', name, ...where, '--max-connections', '12')
}

/** As it is while a worker copies some of those who have come. */
async function atWork({ dataDir }: RunningService): Promise<void> {
  for (const text of [
    `update copying_host set host = 'mail1'`,
    `insert into worker (id, copying_host_id, alive_until)
      select gen_random_uuid(), id, now() + interval '1 hour' from copying_host limit 1`,
    `update job set holder = gen_random_uuid(), leased_until = now() + interval '1 hour', claimed_at = now() - interval '4 minutes'
      where migration_id in (select id from migration where state = 'pending' and code is null order by id limit 3)`,
    `insert into attempt (migration_id, host, started_at, messages, progress)
      select migration_id, 'mail1', now() - interval '1 minute' * part, 900 * part, jsonb_build_object(
            'step', 'copying', 'folder', part, 'folders', 7, 'messages', 900 * part, 'ofMessages', 4100,
            'bytes', 41000000 * part, 'ofBytes', 187000000, 'messagesPerSecond', 15, 'bytesPerSecond', 680000,
            'secondsLeft', (4100 - 900 * part) / 15)
        from job cross join lateral (select migration_id % 3 + 1 as part) as numbered where holder is not null`,
  ])
    await query(dataDir, text)
}

/** Her mail is copied; later she gets some more, and flags what she has got. */
async function move(service: RunningService, { port }: Source): Promise<void> {
  for (const [folder, messages] of Object.entries(FOLDERS)) await seed(port, CLARA, messages, [folder])
  await service.passdb(...CLARA)
  await syncOnce(service, '--account', CLARA[0])
  await seed(port, CLARA, 7, ['INBOX'])
  await using wire = await ImapWire.open({ host: 'localhost', port, user: CLARA[0], password: CLARA[1] })
  await wire.command('SELECT INBOX')
  await wire.command('STORE 1:20 +FLAGS (\\Seen)')
  await mustRun(service, 'migration', 'retry', CLARA[0], '--reason', 'she misses a mail of this morning')
  await syncOnce(service, '--account', CLARA[0])
}
