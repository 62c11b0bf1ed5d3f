import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import t from 'tap'
import { DATABASE_LIMIT_MS } from '../../../src/auth/unavailable.ts'
import { type Database, openDatabase } from '../../../src/db/connection/database.ts'
import { shippedUpgrades, type Upgrade } from '../../../src/db/connection/upgrades.ts'
import { type DebianPostgres, startDebianPostgres } from '../../support/debian-postgres.ts'
import { startRelay } from '../../support/relay.ts'
import { until } from '../../support/until.ts'

const POOL_SIZE = 10
const LONG_MS = 5_000

const NEXT: Upgrade = { number: 9000, name: '9000_next.sql', sql: 'create table next (id integer)', sha256: 'of next' }

let postgres: DebianPostgres
t.before(async () => {
  postgres = await startDebianPostgres()
})
t.after(() => postgres[Symbol.asyncDispose]())

t.test('an empty database gets the schema by itself; a later upgrade waits for the command', async (t) => {
  const location = { databaseUrl: postgres.url, dataDir: '/nowhere' }
  await using before = await openDatabase(location)
  await before.ready()
  const shipped = await shippedUpgrades()
  await using after = await openDatabase(location, Promise.resolve([...shipped, NEXT]))
  await t.rejects(after.ready(), { message: /9000_next\.sql is pending: run "postferry upgrade"/ })
  await t.rejects(after.check(), { message: /9000_next\.sql/ })
  await after.reach()
  t.same(await after.upgrade(), ['9000_next.sql'])
  await after.ready()
  await after.check()
  await t.rejects(before.check(), { message: /newer/ })
  await postgres.query('delete from upgrade where number = 9000')
})

t.test('whoever comes while another process makes the schema waits for it', async (t) => {
  await postgres.query('create database shared')
  const location = { databaseUrl: postgres.url.replace(/[^/]*$/, 'shared'), dataDir: '/nowhere' }
  const slow: Upgrade = { ...NEXT, sql: 'select pg_sleep(1)' }
  const upgrades = Promise.resolve([...(await shippedUpgrades()), slow])
  await using first = await openDatabase(location, upgrades)
  await using second = await openDatabase(location, upgrades)
  const making = first.ready()
  await until(async () => (await second.schema()).length > 0, 'the first upgrade is there')
  await second.ready()
  await making
  t.equal((await second.schema()).at(-1), NEXT.name)
})

async function ready(databaseUrl = postgres.url): Promise<Database> {
  const database = await openDatabase({ databaseUrl, dataDir: '/nowhere' })
  await database.ready()
  await database.pool.query('create table if not exists half as select 1 as id limit 0')
  await database.pool.query('create table if not exists held as select 1 as id limit 0')
  return database
}

const write = ({ kysely }: Database, id: number) =>
  kysely.transaction().execute(async (trx) => {
    await sql`insert into half values (${id})`.execute(trx)
    await sql`insert into held values (${id})`.execute(trx)
  })

const halves = async () => (await postgres.query('select from half')).rowCount

t.test('connections that are cut in mid-transaction are told to who uses them, and replaced', async (t) => {
  await using database = await ready()
  await using lock = await postgres.hold('held')
  const written = Array.from({ length: POOL_SIZE }, (_, id) => write(database, id + 1))
  await postgres.waiting(POOL_SIZE)
  // In a transaction too, but with no statement under way.
  const idle = database.kysely.transaction().execute(async (trx) => {
    await sql`select 1`.execute(trx)
    await Promise.allSettled(written)
    await sql`select 1`.execute(trx)
  })
  const ended = Promise.allSettled([...written, idle])
  await postgres.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postferry'`)
  for (const { status } of (await ended).slice(0, POOL_SIZE)) t.equal(status, 'rejected')
  t.equal(await halves(), 0)
  await lock[Symbol.asyncDispose]()
  await write(database, 99)
  t.equal(await halves(), 1)
  await postgres.query('delete from half')
})

t.test(
  'by the time nobody waits for it any more, a statement that waits for a lock gives its connection back',
  async (t) => {
    await using database = await ready()
    await using lock = await postgres.hold('held')
    const written = Promise.allSettled(Array.from({ length: POOL_SIZE }, (_, id) => write(database, id + 1)))
    await postgres.waiting(POOL_SIZE)
    await wait(DATABASE_LIMIT_MS)
    await database.reach()
    for (const { status } of await written) t.equal(status, 'rejected')
    await postgres.waiting(0)
    t.equal(await halves(), 0)
    await lock[Symbol.asyncDispose]()
  },
)

t.test('a statement may work for longer than a server may say nothing', async (t) => {
  await using database = await ready()
  const slow = sql<{ n: number }>`select 42 as n from pg_sleep(10)`
  const together = await Promise.all(Array.from({ length: 3 }, () => slow.execute(database.kysely)))
  t.same(
    together.map(({ rows }) => rows),
    Array(3).fill([{ n: 42 }]),
  )
})

t.test('a host that is lost while all connections wait for its answer does not keep them', async (t) => {
  const url = new URL(postgres.url)
  await using relay = await startRelay(Number(url.port))
  url.port = String(relay.port)
  await using database = await ready(url.href)
  await using lock = await postgres.hold('held')
  const written = Array.from({ length: POOL_SIZE }, (_, id) => write(database, id + 1))
  await postgres.waiting(POOL_SIZE)
  relay.lose()
  for (const { status } of await Promise.allSettled(written)) t.equal(status, 'rejected')
  await database.reach()
  await lock[Symbol.asyncDispose]()
})

t.test('a listing may wait for its reader longer than the server may take to answer', async (t) => {
  await using database = await ready()
  const numbers = sql<{ n: number }>`(select n from generate_series(1, 3) n)`
  const seen: number[] = []
  await database.kysely.transaction().execute(async (trx) => {
    for await (const { n } of trx.selectFrom(numbers.as('s')).select('n').stream(1)) {
      if (n === 1) await wait(LONG_MS)
      seen.push(n)
    }
  })
  t.same(seen, [1, 2, 3])
})

t.end()
