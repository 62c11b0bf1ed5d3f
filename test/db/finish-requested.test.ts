import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Job, JobKept, Jobs, Worker } from '../../src/copying/ports.ts'
import { advance } from '../../src/copying/schedule.ts'
import { Tracking } from '../../src/copying/tracking.ts'
import { attempts } from '../../src/db/attempts.ts'
import { boards } from '../../src/db/boards.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { jobs } from '../../src/db/jobs.ts'
import { ledgers } from '../../src/db/ledgers.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { parseAddress } from '../../src/model/address.ts'
import type { Outcome } from '../../src/model/attempt.ts'
import type { LedgerCode } from '../../src/model/ledger.ts'
import { pause, requestFinish, requestReturn, resume, retry, type Transition } from '../../src/model/migration.ts'
import { entriesOf } from '../support/audit.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { isDue as isDueFor } from '../support/due.ts'
import { PROVIDER } from '../support/provider.ts'

const WORKER: Worker = { id: randomUUID(), host: 'copyhost', copyingHost: 'here', takesOver: false, early: false }
const EARLY: Worker = { ...WORKER, early: true }
const TAKEN_AT = new Date('2026-11-23T12:00:00Z')
let database: Database
let all: Jobs
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add({ ...PROVIDER, maxConnections: 1000 }, BY)
  await domains(database.kysely, '/home/%u').add(
    { name: 'old.example', newDomain: 'old.example', provider: PROVIDER.name, sharesNames: false },
    BY,
  )
  all = jobs(database.kysely)
})
t.after(() => database[Symbol.asyncDispose]())

/** As at the claim of somebody who is here. */
const AT_NEW: Job['moving'] = {
  ...{
    route: 'destination',
    hasAccount: true,
    isFlipRequested: false,
    isJustFlipped: false,
    isOpen: true,
    unfinished: null,
  },
  ...{ isReturnRequested: false, isReturned: false, hasOwnPassword: false, areFiltersLeft: false },
}
const nameOf = (person: string) => `${person}@old.example`
const found = (person: string) => migrations(database.kysely).find(nameOf(person))
const take = (person: string, transition: Transition, action = 'migration.step') =>
  migrations(database.kysely).take(nameOf(person), transition, { ...BY, action })
const isDue = (id: string) => isDueFor(database.kysely, id, WORKER)

/** A person who has signed in; returns the number of the migration. */
async function provisioned(person: string): Promise<string> {
  await provisioner(database.kysely).provision({
    ...{
      address: parseAddress(nameOf(person)) as never,
      home: `/home/${person}`,
      passwordHash: 'hash',
      seenHash: null,
    },
    ...{ sealed: { bytes: new Uint8Array([1]), to: [] }, provider: PROVIDER },
    ...{ oldDomain: 'old.example', oldUsername: person },
  })
  return (await found(person))?.id ?? ''
}

async function taken(id: string, by = WORKER): Promise<Job> {
  const job = await all.claim(by, { migrationId: id })
  if (job === null) throw new Error('the job was not leased')
  return job
}

async function ledger(id: string, code: LedgerCode | null): Promise<void> {
  const kept = ledgers(database.kysely)
  const { takenAt: after } = await kept.last(id)
  const taken = { takenAt: TAKEN_AT, seconds: 1, code, fetched: 0, folders: [], differences: [] }
  if ((await kept.save(id, taken, { after, holder: null })) !== 'saved') throw new Error('the ledger was not saved')
}

/** Ends a job as an attempt does; a complete one has a clean ledger. */
async function end(job: Job, outcome: Outcome): Promise<JobKept | null> {
  if (outcome === 'complete') await ledger(job.migrationId, null)
  return await endWithout(job, outcome)
}

function endWithout(job: Job, outcome: Outcome): Promise<JobKept | null> {
  const result = { outcome, folders: 1, messages: 2, output: '' }
  return all.end(job, WORKER, {
    plan: advance(job, outcome, 0.5),
    attempt: { id: null, startedAt: new Date(), result },
    seen: outcome === 'complete' ? [] : null,
  })
}

/** Somebody who is synced, and whose job is due later. */
async function synced(person: string): Promise<string> {
  const id = await provisioned(person)
  await end(await taken(id), 'complete')
  return id
}

t.test(
  'a request to finish makes the job due, and the next attempt with a clean ledger finishes the migration',
  async (t) => {
    const id = await synced('anna')
    t.notOk(await isDue(id))
    t.match(await take('anna', requestFinish, 'migration.request-finish'), { state: 'synced', isFinishRequested: true })
    t.ok(await isDue(id))
    const job = await taken(id)
    t.equal(job.isFinishRequested, true)
    t.match(await end(job, 'complete'), { isFinished: true })
    t.match(await found('anna'), { state: 'done', isFinishRequested: false })
    t.equal(await credentials(database.kysely).factsOf(nameOf('anna')), null, 'the credential is erased')
    t.match(await entriesOf(database.kysely, { subjects: [nameOf('anna')] }), [
      {
        ...{ action: 'migration.finish', actor: 'sync on copyhost', reason: null },
        detail: 'synced → done, the ledger of 2026-11-23T12:00:00.000Z is clean',
      },
      { action: 'migration.request-finish', actor: BY.actor, detail: null },
      { action: 'migration.provision' },
    ])
    t.match(await attempts(database.kysely).last(id, 1), [{ outcome: 'complete' }])
    t.equal(await all.claim(EARLY, { migrationId: id }), null, 'nobody copies any more')
  },
)

t.test('a finish may be requested before the first complete copy', async (t) => {
  const id = await provisioned('bert')
  await take('bert', requestFinish)
  t.match(await end(await taken(id), 'complete'), { isFinished: true })
  t.match(await found('bert'), { state: 'done' })
})

t.test('an attempt that is not complete does not finish the migration, and the next one tries again', async (t) => {
  const id = await synced('carl')
  await take('carl', requestFinish)
  for (const outcome of ['ledger-differs', 'old-unreachable', 'credential-refused'] as const) {
    t.match(await end(await taken(id, EARLY), outcome), { isFinished: false }, outcome)
    t.match(await found('carl'), { isFinishRequested: true }, outcome)
    t.ok(await credentials(database.kysely).factsOf(nameOf('carl')))
  }
  t.match(await found('carl'), { state: 'failed', code: 'credential-refused' })
  await credentials(database.kysely).renew(nameOf('carl'), { bytes: new Uint8Array([2]), to: [] }, '/home/carl', BY)
  t.match(await found('carl'), { state: 'pending', isFinishRequested: true })
  t.match(await end(await taken(id), 'complete'), { isFinished: true })
})

t.test('a ledger that is no longer clean at the end does not finish the migration', async (t) => {
  const id = await synced('dora')
  await take('dora', requestFinish)
  const job = await taken(id)
  await ledger(id, 'shrunk')
  t.same(await endWithout(job, 'complete'), { isFinished: false })
  t.match(await found('dora'), { state: 'synced', isFinishRequested: true })
})

t.test('a request made while an attempt runs is met by the next attempt, which is due at once', async (t) => {
  const id = await synced('emil')
  const job = await taken(id, EARLY)
  await take('emil', requestFinish)
  t.same(await end(job, 'complete'), { isFinished: false })
  t.match(await found('emil'), { state: 'synced', isFinishRequested: true })
  t.ok(await isDue(id))
  const next = await taken(id)
  await take('emil', pause)
  await take('emil', resume)
  await take('emil', requestFinish)
  t.same(await end(next, 'complete'), { isFinished: false }, 'nor when it was asked before too, and withdrawn')
  t.match(await end(await taken(id), 'complete'), { isFinished: true })
})

t.test('who was led back to the old server meanwhile is not finished, and keeps the credential', async (t) => {
  const id = await synced('ida')
  await take('ida', requestFinish)
  const job = { ...(await taken(id)), moving: { ...AT_NEW, isReturnRequested: true } }
  await sql`update migration set route = 'source' where id = ${id}`.execute(database.kysely)
  t.same(await end(job, 'complete'), { isFinished: false })
  t.match(await found('ida'), { state: 'synced', isFinishRequested: true })
  t.ok(await credentials(database.kysely).factsOf(nameOf('ida')))
})

t.test('a finish and a return exclude each other', async (t) => {
  await synced('jan')
  const flipped = sql`update migration set flipped_at = now() where address = ${nameOf('jan')}`
  await flipped.execute(database.kysely)
  await take('jan', requestReturn)
  await t.rejects(take('jan', requestFinish), { message: /a return .* is requested/ })
  t.match(await found('jan'), { isFinishRequested: false, isReturnRequested: true })
})

t.test('a migration paused meanwhile is not finished', async (t) => {
  const id = await synced('fritz')
  await take('fritz', requestFinish)
  const job = await taken(id)
  await take('fritz', pause)
  t.same(await end(job, 'complete'), { isFinished: false })
  t.match(await found('fritz'), { state: 'paused', isFinishRequested: false })
})

t.test('a retry ends the wait after failures, and resets their count', async (t) => {
  const id = await provisioned('gerd')
  for (let failures = 0; failures < 3; failures++) await end(await taken(id, EARLY), 'old-unreachable')
  t.notOk(await isDue(id))
  t.match(await take('gerd', retry), { state: 'pending' })
  t.ok(await isDue(id))
  const job = await taken(id)
  t.equal(job.failures, 0)
  await take('gerd', retry)
  await end(job, 'old-unreachable')
  t.ok(await isDue(id), 'also when it is said while an attempt runs')
})

t.test('a running attempt shows how far it is', async (t) => {
  const id = await synced('hugo')
  const job = await taken(id, EARLY)
  const attemptId = await all.begin(job, WORKER)
  const shown = async () => {
    const last = await attempts(database.kysely).last(id, 2)
    return last.map(({ messages, progress }) => [messages, progress])
  }
  t.same(await shown(), [
    [0, null],
    [2, null],
  ])
  const [progress] = [new Tracking([], { messages: 40, bytes: 900 }).progress()]
  const copied = new Map([[id, { messages: 17, progress }]])
  await all.renew(EARLY, copied)
  t.same((await shown())[0], [17, progress])
  const board = await boards(database.kysely).look()
  t.match(
    board.running.find(({ address }) => address.startsWith('hugo')),
    { messages: 17, expected: 40, progress },
  )
  await all.renew({ ...EARLY, id: randomUUID() }, new Map([[id, { messages: 99, progress: null }]]))
  t.same((await shown())[0], [17, progress], 'told only by whoever holds the lease')
  const result = { outcome: 'stopped', folders: 1, messages: 18, output: '' } as const
  const plan = { status: { state: job.state, pausedFrom: null, code: null }, failures: 0, unchangedRuns: 0, waitMs: 1 }
  await all.end(job, EARLY, { plan, attempt: { id: attemptId, startedAt: new Date(), result }, seen: null })
  t.same((await shown())[0], [18, null], 'and nothing any more when it has ended')
})

t.end()
