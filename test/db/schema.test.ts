import { readFileSync } from 'node:fs'
import t from 'tap'
import { generateTypes, SQL_FILE, schemaSql } from '../../build/schema.ts'
import { openTestDatabase } from '../support/database.ts'

t.test('what "npm run schema" writes is what the upgrades make', async (t) => {
  await using database = await openTestDatabase()
  const schema = await schemaSql(database.pool)
  t.equal(readFileSync(SQL_FILE, 'utf8'), schema, 'sql/schema.sql')
  const types = generateTypes(database.url, '--verify')
  t.equal(types.status, 0, `src/db/schema.ts: ${types.output}`)
  await database.pool.query('drop schema public cascade; create schema public')
  await database.pool.query(schema)
  t.equal(await schemaSql(database.pool), schema, 'the statements make the same schema')
})

t.test('what schema.sql could not tell is an error', async (t) => {
  await using database = await openTestDatabase()
  await database.pool.query(`create view half as select 1 as one; create type mood as enum ('calm')`)
  await t.rejects(schemaSql(database.pool), { message: 'build/schema.ts cannot write half, mood yet' })
})

t.end()
