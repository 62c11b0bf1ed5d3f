import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runPlainOfflineimap } from '../support/cron.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { startSync, syncOnce } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const people = [ANNA, BEN] as const
const ferry = await startFerry(Object.fromEntries([ANNA, BEN, CLEO]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of people) {
  await seed(old.port, person, 10)
  await service.passdb(person[0], person[1])
}

const migration = (address: string) => rows(service, 'migration', 'show', address)
const sync = (address: string) => service.run(['sync', '--account', address, '--json'])

t.test('everybody who is due is copied, and the attempt is on record', async (t) => {
  t.same(await syncOnce(service), { [ANNA[0]]: 'complete', [BEN[0]]: 'complete' })
  t.match(await migration(ANNA[0]), {
    state: 'synced',
    code: null,
    attempts: [{ outcome: 'complete', folders: 2, messages: 20 }],
  })
  t.equal(filesOf(ANNA[0]).length, 20)
  t.match(await mustRun(service, 'migration', 'show', ANNA[0]), /complete +2 +20\n/)
  t.same(await syncOnce(service), {}, 'nobody is due')
})

t.test('OfflineIMAP is not started for a person who has nothing new', async (t) => {
  const before = (await migration(ANNA[0])).attempts.length
  const again = await sync(ANNA[0])
  t.match(JSON.parse(again.stdout.split('\n')[0] ?? ''), { outcome: 'unchanged' })
  t.equal((await migration(ANNA[0])).attempts.length, before)
  await seed(old.port, ANNA, 1, ['Sent'])
  t.match((await sync(ANNA[0])).stdout, '"complete"')
  t.match(await migration(ANNA[0]), { attempts: [{ messages: 1 }] })
  t.equal(filesOf(ANNA[0]).length, 21)
})

t.test('a changed flag is something new', async (t) => {
  {
    await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: ANNA[0], password: ANNA[1] })
    await wire.command('SELECT INBOX')
    await wire.command('STORE 1 +FLAGS (\\Flagged)')
  }
  t.match((await sync(ANNA[0])).stdout, '"complete"')
  t.equal(filesOf(ANNA[0]).filter((name) => /:2,[A-S]*F/.test(name)).length, 1)
})

t.test('what plain OfflineIMAP has copied, sync does not copy again', async (t) => {
  await seed(old.port, ANNA, 2, ['Sent'])
  const plain = await runPlainOfflineimap(service)
  t.equal(plain.exitCode, 0, plain.stderr + plain.stdout)
  t.match((await sync(ANNA[0])).stdout, '"complete"')
  t.match(await migration(ANNA[0]), { attempts: [{ messages: 0 }] })
  t.equal(filesOf(ANNA[0]).length, 23)
})

t.test('a password that source refuses stops the migration, and the next right sign-in heals it', async (t) => {
  await old.setPassword(ANNA[0], 'another one')
  await seed(old.port, [ANNA[0], 'another one'], 1, ['Sent'])
  const refused = await sync(ANNA[0])
  t.equal(refused.exitCode, 65)
  t.match(refused.stderr, 'the next sign-in that the old server accepts renews it')
  t.match(await migration(ANNA[0]), { state: 'failed', code: 'credential-refused', remedy: /sign-in/ })
  t.same(await syncOnce(service), {}, 'nobody tries it again')
  t.match(await service.passdb(ANNA[0], 'another one'), { status: 200 })
  t.match(await migration(ANNA[0]), { state: 'pending', code: null })
  t.same(await syncOnce(service), { [ANNA[0]]: 'complete' }, 'at once')
  t.match(await migration(ANNA[0]), { state: 'synced' })
})

t.test('what the source refused for a while, the same password heals; nobody is kept out meanwhile', async (t) => {
  await old.setPassword(BEN[0], 'locked for a while')
  await seed(old.port, [BEN[0], 'locked for a while'], 1, ['Sent'])
  t.equal((await sync(BEN[0])).exitCode, 65)
  t.match(await service.passdb(...BEN), { status: 200 }, 'the source says no')
  t.match(await migration(BEN[0]), { state: 'failed', code: 'credential-refused' }, 'which is still to be seen')
  await mustRun(service, 'provider', 'set', 'old', '--after-refusal', 'refuse')
  t.match(await service.passdb(...BEN), { status: 401 }, 'where it is to decide')
  await old.setPassword(...BEN)
  // A change of the provider forgets what was refused.
  await mustRun(service, 'provider', 'set', 'old', '--after-refusal', 'admit')
  await until(async () => (await service.passdb(...BEN)).status === 200, 'that is heard')
  t.match(await migration(BEN[0]), { state: 'pending', code: null })
  t.same(await syncOnce(service), { [BEN[0]]: 'complete' })
})

t.test('a credential that nobody can open is shown, and the next right sign-in seals another', async (t) => {
  const spoil = `update credential set sealed = 'nonsense' from migration where migration.id = migration_id and address = $1`
  await query(service.dataDir, spoil, [BEN[0]])
  t.match(JSON.parse((await sync(BEN[0])).stdout.split('\n')[0] ?? ''), { outcome: 'credential-unopened' })
  t.match(await migration(BEN[0]), { state: 'pending', code: 'credential-unopened', remedy: /right identity/ })
  t.match((await rows(service, 'report')).failures, [{ code: 'credential-unopened', people: 1 }])
  t.match(await service.passdb(...BEN), { status: 200 })
  t.match(await migration(BEN[0]), { state: 'pending', code: null })
  t.same(await syncOnce(service), { [BEN[0]]: 'complete' }, 'at once')
})

t.test('a source that is down is tried again later; nothing fails', async (t) => {
  await old.stop()
  const down = await sync(BEN[0])
  await old.start()
  t.equal(down.exitCode, 75)
  const { outcome, next } = JSON.parse(down.stdout.split('\n')[0] ?? '')
  t.equal(outcome, 'old-unreachable')
  t.ok(next >= 40, 'not at once')
  t.match(await migration(BEN[0]), { state: 'synced', code: null, attempts: [{ outcome: 'old-unreachable' }] })
})

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  t.test(`${signal} ends a worker that waits`, async (t) => {
    await seed(old.port, CLEO, 1)
    await service.passdb(...CLEO)
    await mustRun(service, 'migration', 'retry', CLEO[0])
    const worker = startSync(service)
    await worker.seen(({ event, address }) => event === 'ended' && address === CLEO[0])
    worker.kill(signal)
    t.equal(await worker.end, 0, worker.stderr)
  })
}

function filesOf(address: string): string[] {
  const [local = '', domain = ''] = address.split('@')
  return readdirSync(join(homes, domain, local, 'Maildir'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(^|\/)(cur|new)\/./.test(name),
  )
}

t.end()
