import { readFileSync } from 'node:fs'
import t from 'tap'
import { generateTypes, SQL_FILE, schemaSql, upgraded } from '../../build/schema.ts'

t.test('what "npm run schema" writes is what the upgrades make', (t) =>
  upgraded(async (client, url) => {
    const schema = await schemaSql(client)
    t.equal(readFileSync(SQL_FILE, 'utf8'), schema, 'sql/schema.sql')
    const types = generateTypes(url, '--verify')
    t.equal(types.status, 0, `src/db/schema.ts: ${types.output}`)
    await client.query('drop schema public cascade; create schema public')
    await client.query(schema)
    await client.query('reset check_function_bodies')
    t.equal(await schemaSql(client), schema, 'the statements make the same schema')
  }),
)

t.test('what schema.sql could not tell is an error', (t) =>
  upgraded(async (client) => {
    await client.query(`create view half as select 1 as one; create type mood as enum ('calm')`)
    await t.rejects(schemaSql(client), { message: 'build/schema.ts cannot write half, mood yet' })
  }),
)

t.end()
