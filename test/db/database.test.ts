import t from 'tap'
import { openDatabase } from '../../src/db/database.ts'
import { shippedUpgrades, type Upgrade } from '../../src/db/upgrades.ts'
import { type DebianPostgres, startDebianPostgres } from '../support/debian-postgres.ts'

const NEXT: Upgrade = { number: 9000, name: '9000_next.sql', sql: 'create table next (id integer)', sha256: 'of next' }

let postgres: DebianPostgres
t.before(async () => {
  postgres = await startDebianPostgres()
})
t.after(() => postgres[Symbol.asyncDispose]())

t.test('an empty database gets the schema by itself; a later upgrade waits for the command', async (t) => {
  const place = { databaseUrl: postgres.url, dataDir: '/nowhere' }
  await using before = await openDatabase(place)
  await before.ready()
  const shipped = await shippedUpgrades()
  await using after = await openDatabase(place, Promise.resolve([...shipped, NEXT]))
  await t.rejects(after.ready(), { message: /9000_next\.sql is pending: run "mailferry upgrade"/ })
  await t.rejects(after.check(), { message: /9000_next\.sql/ })
  await after.reach()
  t.same(await after.upgrade(), ['9000_next.sql'])
  await after.ready()
  await after.check()
  await t.rejects(before.check(), { message: /newer/ })
})
