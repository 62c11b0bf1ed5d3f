import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { startRoundTrips } from '../support/round-trips.ts'
import { seed } from '../support/seed.ts'
import { syncOnce } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const FOLDERS = ['INBOX', ...Array.from({ length: 23 }, (_, at) => `Folder${at}`)]

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, (await users()).mail)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([ANNA]), { POSTFERRY_HOME: `${homes}/%d/%n` }, { engine: 'doveadm' })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
const trips = await startRoundTrips(old.port)
t.teardown(() => trips[Symbol.asyncDispose]())
await mustRun(
  service,
  'provider',
  'set',
  'old',
  '--tls',
  'none',
  '--plain-text',
  '--no-ca-file',
  '--port',
  `${trips.port}`,
)
await mustRun(service, 'provider', 'approve', 'old')
await seed(old.port, ANNA, 3, FOLDERS)
await service.passdb(...ANNA)
trips.count()

/** @returns how often the old server was waited for */
async function attempt(): Promise<number> {
  await query(service.dataDir, 'update job set due_at = now()')
  await syncOnce(service)
  t.match(await rows(service, 'migration', 'show', ANNA[0]), { state: 'synced', ledger: { clean: true } })
  return trips.count()
}

// To sign in, to ask what is there, and to leave: the rest is for mail.
const ALWAYS = 3

t.test('a first copy waits for its first folder, and then for several at a time', async (t) => {
  const counted = await attempt()
  // What doveadm asks first, the first folder opened; its messages; and the others, eight at a time or more.
  t.ok(counted <= ALWAYS + 2 + Math.ceil(FOLDERS.length / 8), `${counted}`)
})

t.test('what has not changed is asked about once', async (t) => {
  t.equal(await attempt(), ALWAYS)
})

t.test('one new message is waited for as often, however many folders there are', async (t) => {
  await seed(old.port, ANNA, 1, ['Folder5'])
  const counted = await attempt()
  // doveadm opens the folder, compares its messages and fetches the new one; the ledger lists that folder.
  t.ok(counted <= ALWAYS + 4, `${counted}`)
})

t.end()
