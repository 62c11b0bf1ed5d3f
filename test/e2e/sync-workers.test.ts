import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { handOver } from '../support/cron.ts'
import { startNew } from '../support/destination.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { outcomes, type Sync, type SyncEvent, startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

t.setTimeout(1_800_000)

/** The soak has more. */
const COUNT = process.env.POSTFERRY_SOAK === undefined ? 40 : 100
const MESSAGES = 4
/** So many get new mail afterwards. */
const BUSY = 10
const people = Array.from({ length: COUNT }, (_, at) => [`p${at}@old.example`, `secret of ${at}`] as const)

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o711)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries(people), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
await mustRun(service, 'provider', 'set', 'old', '--max-connections', '20')
for (const person of people) await seed(old.port, person, MESSAGES)
for (const person of people) await service.passdb(...person)

t.test(
  'two workers share the work; when one is killed in the middle the other finishes it, nothing twice',
  async (t) => {
    const killed = startSync(service)
    await killed.seen(({ event }) => event === 'ended')
    const other = startSync(service, ['--once'])
    await other.seen(({ event }) => event === 'begun')
    const inTheMiddle = await killInTheMiddle(killed)
    t.ok(inTheMiddle.length > 0, 'the killed one was at work')
    t.equal(await other.end, 0, other.stderr)
    const all = outcomes(killed, other)
    t.same(all, Object.fromEntries(people.map(([address]) => [address, 'complete'])))
    const states = await rows(service, 'migration', 'list')
    t.same([...new Set(states.map(({ state }: { state: string }) => state))], ['synced'])
    const twice = [...killed.events, ...other.events]
      .filter(({ event }) => event === 'begun')
      .map(({ address = '' }) => address)
    const again = twice.filter((address, at) => twice.indexOf(address) !== at)
    t.same(
      again.filter((address) => !inTheMiddle.includes(address)),
      [],
      'only what was cut off is begun again',
    )
    const first = await Promise.all(
      inTheMiddle.map(async (address) => (await rows(service, 'migration', 'show', address)).attempts.at(-1)),
    )
    t.ok(first.some(({ outcome }) => outcome === 'lost-lock'))
  },
)

/** Whom it had begun and not ended. */
async function killInTheMiddle(worker: Sync): Promise<string[]> {
  const addresses = (kind: SyncEvent['event']) =>
    worker.events.filter(({ event }) => event === kind).map(({ address = '' }) => address)
  const atWork = () => addresses('begun').filter((address) => !addresses('ended').includes(address))
  await until(async () => {
    worker.kill('SIGSTOP')
    const { rows: running } = await query(
      service.dataDir,
      `select account.address from attempt
       join migration on migration.id = attempt.migration_id
       join account on account.id = migration.account_id
       where attempt.ended_at is null`,
    )
    if (running.some(({ address }) => atWork().includes(address))) return true
    worker.kill('SIGCONT')
    return false
  }, 'an attempt that runs')
  worker.kill('SIGKILL')
  await worker.end
  return atWork()
}

t.test('both started again share what is new; every ledger is clean', async (t) => {
  const busy = people.slice(0, BUSY)
  for (const person of busy) await seed(old.port, person, 1, ['INBOX'])
  await query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)
  const workers = [startSync(service, ['--once']), startSync(service, ['--once'])] as const
  for (const worker of workers) t.equal(await worker.end, 0, worker.stderr)
  const ended = Object.entries(outcomes(...workers))
  t.equal(ended.length, COUNT)
  const copied = ended.filter(([, outcome]) => outcome === 'complete')
  t.same(copied.map(([address]) => address).sort(), busy.map(([address]) => address).sort(), 'only who has new mail')
  const { rows: ledgers } = await query(
    service.dataDir,
    'select count(*)::int as kept, count(code)::int as bad from ledger',
  )
  t.same(ledgers, [{ kept: COUNT, bad: 0 }])
})

t.test('nobody has lost a message, and nobody has one twice', async (t) => {
  await using dovecot = await startNew({ passdb: 'lua', url: service.url, token: service.token, homeRoot: homes })
  handOver(homes, dovecot.mailOwner)
  for (const [at, [user, password]] of people.entries()) {
    const { complete, total } = await compareAccounts(
      { host: 'localhost', port: old.port, user, password },
      { host: 'localhost', port: dovecot.port, user, password },
    )
    t.match([complete, total.messages, total.extra], [true, 2 * MESSAGES + (at < BUSY ? 1 : 0), 0], user)
  }
})

t.end()
