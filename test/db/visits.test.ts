import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { visits } from '../../src/db/visits.ts'
import { openTestDatabase } from '../support/database.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
})
t.after(() => database[Symbol.asyncDispose]())

t.test('who has signed in from a network is known there to all instances, and nowhere else', async (t) => {
  await visits(database.pool).note('anna@new.example', '2001:db8::1')
  const other = visits(database.pool)
  t.equal(await other.has('anna@new.example', '2001:db8::ffff'), true)
  t.equal(await other.has('anna@new.example', '2001:db8:0:1::1'), false)
  t.equal(await other.has('bert@new.example', '2001:db8::1'), false)
  const { rows } = await database.pool.query('select digest from visit')
  t.match(rows, [{ digest: /^[0-9a-f]{64}$/ }], 'neither person nor network is kept in clear')
})

t.test('it is forgotten after three months without a visit', async (t) => {
  const old = "update visit set seen_at = now() - interval '91 days'"
  await visits(database.pool).note('anna@new.example', '192.0.2.1')
  await database.pool.query(old)
  t.equal(await visits(database.pool).has('anna@new.example', '192.0.2.1'), false)
  await visits(database.pool).note('anna@new.example', '192.0.2.1')
  t.equal(await visits(database.pool).has('anna@new.example', '192.0.2.1'), true, 'until the next one')
})

t.test('one who comes all the time is written once a day', async (t) => {
  const one = visits(database.pool)
  await one.note('carla@new.example', '192.0.2.1')
  await database.pool.query('delete from visit')
  await one.note('carla@new.example', '192.0.2.1')
  t.same((await database.pool.query('select from visit')).rowCount, 0)
})

t.end()
