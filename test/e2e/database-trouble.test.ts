import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { type DebianPostgres, startDebianPostgres } from '../support/debian-postgres.ts'
import { type Ferry, startFerry } from '../support/ferry.ts'
import type { Answer } from '../support/service.ts'
import { until } from '../support/until.ts'

/** No answer is ever later than this, whatever happens (POSTFERRY_ANSWER_LIMIT_SECONDS). */
const ANSWER_LIMIT_MS = 35_000
const TROUBLE = { status: 503, body: { verdict: 'tempfail', code: 'database' } }
const POOL_SIZE = 10
const MOST_CONNECTIONS = 12
const KNOWN = 'anna@old.example'
const NEWCOMERS = Array.from({ length: 40 }, (_, number) => `person${number}@old.example`)
const passwordOf = (person: string) => `pw of ${person}`

let postgres: DebianPostgres
let ferry: Ferry
t.before(async () => {
  postgres = await startDebianPostgres()
  const people = Object.fromEntries([KNOWN, ...NEWCOMERS].map((person) => [person, passwordOf(person)]))
  // Without its memory every answer needs the database.
  ferry = await startFerry(people, { DATABASE_URL: postgres.url, POSTFERRY_CACHE_SECONDS: '0' })
  await signIn(KNOWN)
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

async function signIn(person: string, password = passwordOf(person)): Promise<Answer> {
  const asked = ferry.service.passdb(person, password)
  const late = wait(ANSWER_LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`${person} got no answer in time`)
  })
  return await Promise.race([asked, late])
}

const newcomers = (count: number): string[] => NEWCOMERS.splice(0, count)

/** What is written of people: three rows each, or none. */
async function written(): Promise<{ accounts: number; halves: number }> {
  const { rows } = await postgres.query(`
    select count(account.id)::int as accounts, count(*) filter (where credential.sealed is null)::int as halves
    from account
    full join migration on migration.account_id = account.id
    full join credential on credential.migration_id = migration.id`)
  return rows[0]
}

async function recovers(t: Test, people: readonly string[]): Promise<void> {
  // The server tells its processes of a changed setting one by one.
  for (const person of people)
    await until(async () => (await signIn(person)).status === 200, `${person} gets in afterwards`)
  t.match(await written(), { halves: 0 })
  t.equal(ferry.service.pid, pid, 'the service was not restarted')
}
let pid = 0
t.beforeEach(() => {
  pid = ferry.service.pid
})

/** So many newcomers whose writing is held up, and what they will be told. */
async function heldUp(count: number): Promise<{ people: string[]; answers: Promise<Answer[]>; lock: AsyncDisposable }> {
  const people = newcomers(count)
  const lock = await postgres.hold('credential')
  const answers = Promise.all(people.map((person) => signIn(person)))
  await postgres.waiting(Math.min(count, POOL_SIZE))
  return { people, answers, lock }
}

t.test('connections that are cut while people are written leave nothing of them, and the service alive', async (t) => {
  const before = await written()
  const { people, answers, lock } = await heldUp(5)
  await postgres.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^postferry'`)
  for (const answer of await answers) t.match(answer, TROUBLE)
  await lock[Symbol.asyncDispose]()
  t.same(await written(), before)
  await recovers(t, people)
})

t.test('a server that is stopped while people are written wrote all of them or nothing', async (t) => {
  const { people, answers, lock } = await heldUp(5)
  await postgres.stop()
  for (const answer of await answers) t.match(answer, TROUBLE)
  t.match(await signIn(KNOWN), TROUBLE)
  await postgres.start()
  await lock[Symbol.asyncDispose]()
  // Who locks may be ended before who waits.
  t.match(await written(), { halves: 0 })
  await recovers(t, [KNOWN, ...people])
})

t.test('a lock that is held for long costs only who needs it, and them but seconds', async (t) => {
  const before = await written()
  const { people, answers, lock } = await heldUp(POOL_SIZE + 2)
  for (const answer of await answers) t.match(answer, TROUBLE)
  t.match(await signIn(KNOWN), { status: 200 }, 'others get in, although the lock is still held')
  await postgres.waiting(0)
  await lock[Symbol.asyncDispose]()
  t.same(await written(), before)
  await recovers(t, people)
})

t.test('a server that is frozen while people are written, and thawed later, wrote all or nothing', async (t) => {
  const { people, answers, lock } = await heldUp(5)
  postgres.freeze()
  for (const answer of await answers) t.match(answer, TROUBLE)
  const crowd = Array.from({ length: 30 }, (_, number) => signIn(KNOWN, number % 2 ? 'wrong' : passwordOf(KNOWN)))
  // Many at once on a busy machine are too many.
  const trouble = { status: 503, body: { verdict: 'tempfail', code: /^(database|throttled)$/ } }
  for (const answer of await Promise.all(crowd)) t.match(answer, trouble)
  postgres.thaw()
  t.match(await signIn(KNOWN), { status: 200 })
  await lock[Symbol.asyncDispose]()
  await recovers(t, people)
})

t.test('a read-only database lets known people in, calls nobody’s password wrong, and writes nothing', async (t) => {
  const before = await written()
  const people = newcomers(3)
  await setAndReload('default_transaction_read_only = on')
  await until(async () => (await signIn(KNOWN)).status === 200, 'a known person gets in')
  // The old server is asked as long as there is a share of its connections, which the database deals out.
  const wrong = await signIn(KNOWN, 'wrong')
  t.match(wrong, wrong.status === 401 ? { status: 401 } : TROUBLE)
  for (const person of people) t.match(await signIn(person), TROUBLE)
  t.same(await written(), before)
  await setAndReload('default_transaction_read_only = off')
  await recovers(t, people)
})

/** Changes a setting, and ends the connections that do not know it. */
async function setAndReload(setting: string): Promise<void> {
  await postgres.query(`alter system set ${setting}`)
  await postgres.query('select pg_reload_conf()')
  await postgres.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name ~ '^postferry'`,
  )
}

t.test('a database without a free connection is trouble, until it has one again', async (t) => {
  await postgres.query(`alter system set max_connections = ${MOST_CONNECTIONS}`)
  await postgres.stop()
  await postgres.start()
  const taken = await takeAll()
  t.match(await signIn(KNOWN), TROUBLE)
  t.match(await signIn(KNOWN, 'wrong'), TROUBLE)
  const people = newcomers(2)
  for (const person of people) t.match(await signIn(person), TROUBLE)
  await Promise.all(taken.map((client) => client.end()))
  await recovers(t, [KNOWN, ...people])
})

/** Takes every connection that there is, those of the service too. */
async function takeAll(): Promise<pg.Client[]> {
  const taken: pg.Client[] = []
  while (taken.length < MOST_CONNECTIONS) {
    const client = new pg.Client({ connectionString: postgres.url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      taken.push(client)
    } catch {
      await taken[0]?.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^postferry'`,
      )
      await wait(50)
    }
  }
  return taken
}

t.end()
