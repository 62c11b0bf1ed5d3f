import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { runPostferry } from '../support/service.ts'
import { outcomes, startSync, syncOnce } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([ANNA, BEN]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of [ANNA, BEN]) {
  await seed(old.port, person, 5)
  await service.passdb(person[0], person[1])
}
await syncOnce(service)

const metadata = join(service.dataDir, 'offlineimap')
const away = `${metadata}.away`
const show = (address: string) => rows(service, 'migration', 'show', address)
const doctor = () => service.run(['doctor'])
const receive = () => seed(old.port, ANNA, 1, ['INBOX'])

t.test('while all is well nobody is left behind', async (t) => {
  t.match((await doctor()).stdout, /^ok {4}copying +nobody is left behind$/m)
  t.match(await mustRun(service, 'report'), /^all migrations are complete$/m)
})

t.test('a lost folder of the sync state is found by doctor, and stops its people, until "retry"', async (t) => {
  renameSync(metadata, away)
  await receive()
  const looked = await doctor()
  t.match(looked.stdout, /^fail {2}copying +\S+offlineimap is not what it was: it remembers nothing of 2 people/m)
  t.match(await syncOnce(service), { [ANNA[0]]: 'state-lost', [BEN[0]]: 'state-lost' }, 'at once')
  t.match(await show(ANNA[0]), { state: 'failed', code: 'state-lost', remedy: /copies nothing twice/ })
  t.match(await mustRun(service, 'report'), /state-lost +2[\s\S]*2 remain/)
  t.match((await doctor()).stdout, /^warn {2}copying +what stops people: state-lost \(2\)$/m)
  await mustRun(service, 'migration', 'retry', ANNA[0])
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete' })
  t.match(await show(ANNA[0]), { state: 'synced', attempts: [{ outcome: 'complete', messages: 1 }, {}, {}] })
  t.equal(filesOf('anna'), 11, 'nothing twice')
})

t.test('a folder that was brought back goes on where it was', async (t) => {
  rmSync(metadata, { recursive: true })
  renameSync(away, metadata)
  await receive()
  await mustRun(service, 'migration', 'retry', '--all')
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete', [BEN[0]]: 'complete' })
  t.equal(filesOf('anna'), 12)
  t.match((await doctor()).stdout, /^ok {4}copying /m)
})

t.test('a "retry" from before the loss was seen does not overrule it', async (t) => {
  rmSync(metadata, { recursive: true })
  await receive()
  await mustRun(service, 'migration', 'retry', ANNA[0])
  t.match(await syncOnce(service), { [ANNA[0]]: 'state-lost', [BEN[0]]: 'state-lost' })
  await mustRun(service, 'migration', 'retry', '--all', '--code', 'state-lost')
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete', [BEN[0]]: 'complete' })
  t.equal(filesOf('anna'), 13)
})

t.test('a new copying host says whom it may not take, and ends with 69; "retry" gives them', async (t) => {
  const there = mkdtempSync(join(tmpdir(), 'postferry-metadata-'))
  t.teardown(() => rmSync(there, { recursive: true }))
  const env = { POSTFERRY_OFFLINEIMAP_METADATA: there }
  await receive()
  await mustRun(service, 'migration', 'retry', ANNA[0])
  await syncOnce(service)
  await receive()
  await makeDue(ANNA[0])
  const early = startSync(service, ['--once'], env)
  t.equal(await early.end, 0, early.stderr)
  t.same(outcomes(early), {}, 'cron may have it run again where it was')
  const long = "update copying_host set seen_at = now() - interval '61 minutes' where folder = $1"
  await query(service.dataDir, long, [metadata])
  const first = startSync(service, ['--once'], env)
  t.equal(await first.end, 69)
  t.match(first.events, [
    { event: 'stranded', copying_hosts: [{ folder: metadata, people: 1 }] },
    { event: 'end', done: 0 },
  ])
  const plain = await runPostferry(['sync', '--once'], { ...service.environment, ...env })
  t.match(plain.stdout, /1 person is due whose sync state is where no worker runs: .*"postferry migration retry"/)
  const alone = await runPostferry(['sync', '--account', ANNA[0]], { ...service.environment, ...env })
  t.match(alone, { exitCode: 75, stderr: /its sync state is elsewhere \(.*"postferry migration retry"/ })
  t.match(await mustRun(service, 'report'), /all migrations are complete; but 1 person is due whose sync state/)
  t.match(await rows(service, 'report'), { stranded: [{ folder: metadata, people: 1 }] })
  t.match(await doctor(), { exitCode: 69, stdout: /^fail {2}copying +1 person is due/m })
  await mustRun(service, 'migration', 'retry', ANNA[0])
  const second = startSync(service, ['--once'], env)
  t.equal(await second.end, 0)
  t.match(outcomes(second), { [ANNA[0]]: 'complete' })
  t.equal(filesOf('anna'), 15, 'nothing twice')
  t.same(await syncOnce(service), {}, 'she belongs to the new host now')
})

t.test('while a worker runs where the state is, others leave its people to it', async (t) => {
  const there = mkdtempSync(join(tmpdir(), 'postferry-metadata-'))
  t.teardown(() => rmSync(there, { recursive: true }))
  const worker = startSync(service)
  await until(async () => (await query(service.dataDir, 'select from worker')).rowCount === 1, 'it is at work')
  await makeDue(BEN[0])
  const other = startSync(service, ['--once'], { POSTFERRY_OFFLINEIMAP_METADATA: there })
  t.equal(await other.end, 0, other.stderr)
  t.same(outcomes(other), {})
  worker.kill('SIGTERM')
  await worker.end
})

async function makeDue(address: string): Promise<void> {
  const text = 'update job set due_at = now() from migration where id = migration_id and address = $1'
  await query(service.dataDir, text, [address])
}

function filesOf(local: string): number {
  const names = readdirSync(join(homes, 'old.example', local, 'Maildir'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /(^|\/)(cur|new)\/./.test(name)).length
}

t.end()
