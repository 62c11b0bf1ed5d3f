import fc from 'fast-check'
import t from 'tap'
import type { RateLimitSubject } from '../../src/auth/ports.ts'
import { type Database, openDatabase } from '../../src/db/connection/database.ts'
import { rateLimit } from '../../src/db/rate-limits.ts'
import { openTestDatabase } from '../support/database.ts'

const LIMITS = { person: 3, client: 5, provider: 8 }

let database: Database
t.before(async () => {
  database = await openTestDatabase()
})
t.beforeEach(async () => void (await database.pool.query('delete from failed_sign_in')))
t.after(() => database[Symbol.asyncDispose]())

function subject(changes: Partial<RateLimitSubject> = {}): RateLimitSubject {
  return { person: 'anna@old.example', client: '192.0.2.1', provider: 'old', ...changes }
}

const open = (limits = LIMITS) => rateLimit(database, limits)

async function fail(times: number, one: (number: number) => RateLimitSubject): Promise<void> {
  const counted = open()
  for (let number = 0; number < times; number++) await counted.penalize(one(number))
}

t.test('each side has its own limit, which holds for the others on the same side only', async (t) => {
  await fail(2, () => subject())
  t.equal(await open().isExceeded(subject()), false)
  await fail(1, () => subject())
  t.equal(await open().isExceeded(subject({ client: null, provider: null })), true, 'the person')
  t.equal(await open().isExceeded(subject({ person: 'bert@old.example' })), false)
  await fail(2, (number) => subject({ person: `person-${number}@old.example` }))
  t.equal(await open().isExceeded(subject({ person: 'bert@old.example', provider: null })), true, 'the client')
  t.equal(await open().isExceeded(subject({ person: 'bert@old.example', client: '192.0.2.2' })), false)
  await fail(3, (number) => subject({ person: `person-${number}@old.example`, client: `192.0.2.${number + 10}` }))
  t.equal(await open().isExceeded(subject({ person: 'bert@old.example', client: null })), true, 'the provider')
  t.equal(await open().isExceeded(subject({ person: 'bert@old.example', client: null, provider: 'new' })), false)
})

t.test('who counts a failure too many knows the network as shut, until it runs out', async (t) => {
  const counted = open()
  for (let number = 0; number < LIMITS.client; number++) {
    t.equal(counted.isClientExceeded('192.0.2.1'), false)
    await counted.penalize(subject({ person: null, provider: null }))
  }
  t.equal(counted.isClientExceeded('192.0.2.1'), true)
  t.equal(counted.isClientExceeded('192.0.2.2'), false)
  t.equal(counted.isClientExceeded(null), false)
  t.equal(open({ ...LIMITS, client: 0 }).isClientExceeded('192.0.2.1'), false)
  const other = open()
  t.equal(other.isClientExceeded('192.0.2.1'), false, 'another instance has to look')
  await other.isExceeded(subject({ person: null, provider: null }))
  t.equal(other.isClientExceeded('192.0.2.1'), true)
  t.equal(await open().isExceeded(subject({ client: null, provider: null })), false, 'nobody in person was to blame')
})

t.test('all instances count together, also at the same moment', async (t) => {
  const instances = [open(), open(), open()]
  await Promise.all(instances.map((instance) => instance.penalize(subject())))
  for (const instance of instances) t.equal(await instance.isExceeded(subject()), true)
})

t.test('0 is no limit', async (t) => {
  await fail(20, () => subject())
  t.equal(await open({ person: 0, client: 0, provider: 0 }).isExceeded(subject()), false)
  t.equal(await open({ person: 0, client: 0, provider: 20 }).isExceeded(subject()), true)
})

t.test('an IPv6 client is its /64, an IPv4 client is itself however it is written', async (t) => {
  await fail(5, (number) => subject({ person: `p${number}`, client: `2001:db8:0:1:${number}::1`, provider: null }))
  await fail(5, (number) => subject({ person: `p${number}`, client: '192.0.2.1', provider: null }))
  const isExceeded = (client: string) => open().isExceeded(subject({ person: 'nobody', client, provider: null }))
  t.equal(await isExceeded('2001:db8:0:1:ffff::'), true)
  t.equal(await isExceeded('2001:db8:0:2::1'), false)
  t.equal(await isExceeded('::ffff:192.0.2.1'), true)
  t.equal(await isExceeded('::ffff:192.0.2.2'), false)
})

t.test(
  'whoever was limited is asked about again without the database, and free when the ten minutes are over',
  async (t) => {
    const instance = open()
    await fail(3, () => subject())
    t.equal(await instance.isExceeded(subject()), true)
    await database.pool.query('update failed_sign_in set expire = 1')
    t.equal(await instance.isExceeded(subject()), true, 'remembered')
    t.equal(await open().isExceeded(subject()), false, 'over')
    await fail(1, () => subject())
    const { rows } = await database.pool.query('select points, expire from failed_sign_in')
    for (const { points, expire } of rows) {
      t.equal(points, 1, 'counted from one again')
      t.ok(expire > Date.now() + 300_000 && expire <= Date.now() + 600_000, 'for ten minutes')
    }
  },
)

t.test('any text can be counted and limited, and no address stands there in clear', async (t) => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 9_000, minLength: 3_000 }), fc.ipV6())
  await fc.assert(
    fc.asyncProperty(text, text, async (person, client) => {
      const counted = open({ person: 1, client: 1, provider: 0 })
      const typed = { person: `${person}@typo.example`, client, provider: null }
      await counted.penalize(typed)
      t.ok(await counted.isExceeded(typed))
    }),
    { numRuns: 50 },
  )
  const { rows } = await database.pool.query('select key from failed_sign_in')
  for (const { key } of rows) t.match(key, /^(person:[0-9a-f]{64}|client:[0-9a-f:.]{3,64}(\/64)?)$/)
})

t.test('what is over is swept away in small portions while others are counted', async (t) => {
  // With these statistics a limit in a subquery would be asked for again for each row.
  await database.pool.query('analyze failed_sign_in')
  await database.pool.query(`insert into failed_sign_in select 'person:' || n, 1, 1 from generate_series(1, 1500) n`)
  const left = async () =>
    Number((await database.pool.query('select count(*) from failed_sign_in where expire = 1')).rows[0].count)
  await fail(99, () => subject())
  t.equal(await left(), 1_500)
  await fail(100, () => subject())
  t.equal(await left(), 500)
  await fail(100, () => subject())
  t.equal(await left(), 0)
  t.equal(await open().isExceeded(subject()), true, 'what is not over stays')
})

t.test('without the database it throws', async (t) => {
  await using other = await openDatabase({
    databaseUrl: 'postgresql://nobody@127.0.0.1:1/nowhere',
    dataDir: '/nowhere',
  })
  await t.rejects(rateLimit(other, LIMITS).isExceeded(subject()))
  await t.rejects(rateLimit(other, LIMITS).penalize(subject()))
})

t.end()
