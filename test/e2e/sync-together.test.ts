import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runPlainOfflineimap } from '../support/cron.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { seed } from '../support/seed.ts'
import { outcomes, type Sync, type SyncEvent, startSync, syncOnce } from '../support/sync.ts'
import { until } from '../support/until.ts'

const people = Array.from({ length: 4 }, (_, at) => [`p${at}@old.example`, `secret of ${at}`] as const)
const LATE = ['late@old.example', 'secret'] as const
const BIG = ['big@old.example', 'secret of big'] as const
const CUT = ['cut@old.example', 'secret of cut'] as const
const NIGHT = ['night@old.example', 'secret of night'] as const
const ONLY = ['only@old.example', 'secret of only'] as const
const STALLED = ['stalled@old.example', 'secret of stalled'] as const
const NEWCOMER = ['newcomer@old.example', 'secret'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const postgres = await startDebianPostgres()
t.teardown(() => postgres[Symbol.asyncDispose]())
const ferry = await startFerry(Object.fromEntries([...people, LATE, BIG, CUT, ONLY, STALLED, NEWCOMER, NIGHT]), {
  POSTFERRY_HOME: `${homes}/%d/%n`,
  DATABASE_URL: postgres.url,
})
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of people) await seed(old.port, person, 15)
for (const person of [BIG, CUT, ONLY, STALLED, NIGHT]) await seed(old.port, person, 600, ['INBOX'])

const show = (address: string) => rows(service, 'migration', 'show', address)
const isBegun = ({ event }: SyncEvent) => event === 'begun'

t.test('a provider has no more people copied at a time than it allows connections, over all workers', async (t) => {
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '1')
  for (const [user, password] of people) await service.passdb(user, password)
  const workers = [
    startSync(service, ['--once', '--slots', '4']),
    startSync(service, ['--once', '--slots', '4']),
  ] as const
  for (const worker of workers) t.equal(await worker.end, 0, worker.stderr)
  t.same(outcomes(...workers), Object.fromEntries(people.map(([address]) => [address, 'complete'])))
  const { rows: overlaps } = await postgres.query(
    `select from attempt a join attempt b on a.id < b.id and b.started_at < a.ended_at and a.started_at < b.ended_at`,
  )
  t.equal(overlaps.length, 0)
  const begun = workers.flatMap(({ events }) => events).filter(isBegun)
  t.equal(begun.length, people.length, 'nobody was copied twice')
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '10')
})

t.test('whoever signs in while a worker waits is copied at once, also after the database was away', async (t) => {
  const worker = startSync(service)
  await seed(old.port, LATE, 2)
  await service.passdb(...LATE)
  await worker.seen(({ event, address }) => event === 'ended' && address === LATE[0])
  await postgres.stop()
  await worker.seen(({ event }) => event === 'trouble').finally(postgres.start)
  await seed(old.port, LATE, 1, ['INBOX'])
  await postgres.query(`update job set due_at = now() where due_at < 'infinity'`)
  const isLate = ({ event, address }: SyncEvent) => event === 'ended' && address === LATE[0]
  await worker.seen((event) => isLate(event) && worker.events.filter(isLate).length === 2)
  worker.kill('SIGTERM')
  t.equal(await worker.end, 0, worker.stderr)
})

t.test('while a worker copies somebody, plain OfflineIMAP and other workers leave the person alone', async (t) => {
  await service.passdb(...BIG)
  const worker = startSync(service)
  await attemptRuns(worker, BIG[0])
  signalEngines(BIG[0], 'SIGSTOP')
  const other = await service.run(['sync', '--account', BIG[0]])
  t.match([other.exitCode, other.stderr], [75, /somebody else is copying it/])
  const plain = await runPlainOfflineimap(service)
  t.match(plain.stdout + plain.stderr, /Could not lock account m-/)
  signalEngines(BIG[0], 'SIGCONT')
  const { outcome } = await worker.seen(({ event, address }) => event === 'ended' && address === BIG[0])
  t.equal(outcome, 'complete')
  worker.kill('SIGTERM')
  await worker.end
  t.equal(filesOf(BIG[0]).length, 600)
  t.match(await show(BIG[0]), { attempts: { length: 1 } })
})

t.test('who is paused or whose worker is stopped is cut off in order, and goes on from there', async (t) => {
  await service.passdb(...CUT)
  const worker = startSync(service)
  await attemptRuns(worker, CUT[0])
  signalEngines(CUT[0], 'SIGSTOP')
  await mustRun(service, 'migration', 'pause', CUT[0])
  await leaseRenewed()
  signalEngines(CUT[0], 'SIGCONT')
  const { outcome } = await worker.seen(({ event, address }) => event === 'ended' && address === CUT[0])
  t.equal(outcome, 'stopped')
  t.match(await show(CUT[0]), { state: 'paused', paused_from: 'pending' })
  await mustRun(service, 'migration', 'resume', CUT[0])
  await attemptRuns(worker, CUT[0])
  worker.kill('SIGTERM')
  t.equal(await worker.end, 0, worker.stderr)
  t.same(enginesOf(CUT[0]), [], 'no OfflineIMAP is left')
  t.match(await show(CUT[0]), { state: 'pending', attempts: [{ outcome: 'stopped' }, { outcome: 'stopped' }] })
  t.same(await syncOnce(service), { [CUT[0]]: 'complete' }, 'it is due at once')
  t.equal(filesOf(CUT[0]).length, 600)
})

t.test('a worker that stalled for longer than its lease writes nothing when it goes on', async (t) => {
  await service.passdb(...STALLED)
  const isStalled = ({ event, address }: SyncEvent) => event === 'ended' && address === STALLED[0]
  const lease = async () => {
    const { rows: leases } =
      await postgres.query(`select holder, claimed_at from job join migration on id = migration_id
      where address = '${STALLED[0]}'`)
    return leases[0]
  }
  const stalled = startSync(service)
  await attemptRuns(stalled, STALLED[0])
  signalEngines(STALLED[0], 'SIGSTOP')
  stalled.kill('SIGSTOP')
  const first = await lease()
  signalEngines(STALLED[0], 'SIGKILL')
  await until(() => enginesOf(STALLED[0]).length === 0, 'its OfflineIMAP ends')
  await postgres.query(`update job set leased_until = now() where holder = '${first.holder}'`)
  const other = startSync(service)
  await attemptRuns(other, STALLED[0])
  signalEngines(STALLED[0], 'SIGSTOP')
  const second = await lease()
  t.not(second.holder, first.holder)
  stalled.kill('SIGCONT')
  t.equal((await stalled.seen(isStalled)).outcome, 'lost-lock')
  t.same(await lease(), second, 'the other worker still has its lease')
  t.match(await show(STALLED[0]), { state: 'pending', attempts: [{ outcome: null }, { outcome: 'lost-lock' }] })
  signalEngines(STALLED[0], 'SIGCONT')
  t.equal((await other.seen(isStalled)).outcome, 'complete')
  for (const worker of [stalled, other]) {
    worker.kill('SIGTERM')
    t.equal(await worker.end, 0, worker.stderr)
  }
  t.match(await show(STALLED[0]), { state: 'synced', attempts: [{ outcome: 'complete' }, { outcome: 'lost-lock' }] })
  t.equal(filesOf(STALLED[0]).length, 600, 'nothing is missing, and nothing is there twice')
})

t.test('where there is one connection only, a copy that has it ends for who signs in, and goes on later', async (t) => {
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '1')
  await service.passdb(...ONLY)
  const worker = startSync(service)
  const isOnly = ({ event, address }: SyncEvent) => event === 'ended' && address === ONLY[0]
  await attemptRuns(worker, ONLY[0])
  // So that it cannot end before.
  signalEngines(ONLY[0], 'SIGSTOP')
  let answer = await service.passdb(...NEWCOMER)
  while (answer.body.code === 'old-busy') answer = await service.passdb(...NEWCOMER)
  t.match(answer, { status: 200 })
  t.match(await worker.seen(isOnly), { outcome: 'stopped' })
  await worker.seen((event) => isOnly(event) && event.outcome === 'complete')
  worker.kill('SIGTERM')
  t.equal(await worker.end, 0, worker.stderr)
  t.equal(filesOf(ONLY[0]).length, 600)
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '10')
})

t.test('who is being copied when the window closes is cut off in order, and goes on when it opens', async (t) => {
  await service.passdb(...NIGHT)
  const worker = startSync(service)
  await attemptRuns(worker, NIGHT[0])
  signalEngines(NIGHT[0], 'SIGSTOP')
  await mustRun(service, 'provider', 'set', 'old', '--window', `${inHours(6)}-${inHours(7)} UTC`)
  await leaseRenewed()
  signalEngines(NIGHT[0], 'SIGCONT')
  const isNight = ({ event, address }: SyncEvent) => event === 'ended' && address === NIGHT[0]
  t.equal((await worker.seen(isNight)).outcome, 'stopped')
  t.match(await show(NIGHT[0]), { state: 'pending', code: null, attempts: [{ outcome: 'stopped' }] })
  t.same(await syncOnce(service), {}, 'nobody is copied outside of it, and nobody waits for it')
  const copied = filesOf(NIGHT[0]).length
  t.ok(copied > 0 && copied < 600, `${copied} until then`)
  await mustRun(service, 'provider', 'set', 'old', '--window', `${inHours(-1)}-${inHours(1)} UTC`)
  await worker.seen(() => worker.events.filter(isNight).length === 2)
  worker.kill('SIGTERM')
  t.equal(await worker.end, 0, worker.stderr)
  t.match(await show(NIGHT[0]), { state: 'synced', attempts: [{ outcome: 'complete' }, { outcome: 'stopped' }] })
  t.equal(filesOf(NIGHT[0]).length, 600)
  await mustRun(service, 'provider', 'set', 'old', '--window', `${inHours(6)}-${inHours(7)} UTC`)
  await seed(old.port, NIGHT, 1, ['INBOX'])
  await mustRun(service, 'sync', '--account', NIGHT[0])
  t.equal(filesOf(NIGHT[0]).length, 601, 'a person who asks is served at any hour')
  await mustRun(service, 'provider', 'set', 'old', '--no-window')
})

t.test('an OfflineIMAP whose worker dies does not live on', async (t) => {
  rmSync(join(homes, 'old.example', 'cut', 'Maildir'), { recursive: true })
  const { id } = await show(CUT[0])
  const metadata = join(service.dataDir, 'offlineimap')
  for (const name of readdirSync(metadata).filter((name) => name.includes(`m-${id}-`) || name === `Account-m-${id}`)) {
    rmSync(join(metadata, name), { recursive: true })
  }
  await postgres.query(`update job set seen = null, completed_at = null where migration_id = ${id}`)
  await postgres.query(`delete from attempt where migration_id = ${id}`)
  await postgres.query(`update migration set state = 'pending' where id = ${id}`)
  const worker = startSync(service, ['--account', CUT[0]])
  await attemptRuns(worker, CUT[0])
  worker.kill('SIGKILL')
  await worker.end
  await until(() => enginesOf(CUT[0]).length === 0, 'its OfflineIMAP ends with it')
  t.ok(filesOf(CUT[0]).length < 600, 'it was cut off')
})

/** The time of day so many hours from now, UTC. */
function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16)
}

/** Waits until OfflineIMAP has copied something. */
async function attemptRuns(worker: Sync, address: string): Promise<void> {
  const before = filesOf(address).length
  const runs = () => filesOf(address).length > before && enginesOf(address).length > 0
  await until(runs, 'an attempt').catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(worker.events)} ${worker.stderr}`)
  })
}

/** Waits until the worker has looked at its leases again. */
async function leaseRenewed(): Promise<void> {
  const lease = async () => (await postgres.query('select max(leased_until) as until from job')).rows[0].until
  const before = Number(await lease())
  await until(async () => Number(await lease()) !== before, 'a lease that is renewed')
}

function signalEngines(address: string, signal: NodeJS.Signals): void {
  for (const pid of enginesOf(address)) process.kill(Number(pid), signal)
}

/** The processes that copy this person. */
function enginesOf(address: string): string[] {
  const home = join(homes, 'old.example', address.split('@')[0] ?? '')
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const rc = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
          .split('\0')
          .find((word) => word.endsWith('.rc'))
        return rc !== undefined && readFileSync(rc, 'utf8').includes(`"${home}/Maildir"`)
      } catch {
        return false
      }
    })
}

function filesOf(address: string): string[] {
  const maildir = join(homes, 'old.example', address.split('@')[0] ?? '', 'Maildir')
  if (!existsSync(maildir)) return []
  return readdirSync(maildir, { recursive: true, encoding: 'utf8' }).filter((name) => /(^|\/)(cur|new)\/./.test(name))
}

t.end()
