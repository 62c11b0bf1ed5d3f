import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { applyUpgrades, pendingUpgrades, shippedUpgrades } from '../../../src/db/connection/upgrades.ts'
import { type DebianPostgres, startDebianPostgres } from '../../support/debian-postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-upgrades-'))
let server: DebianPostgres
let databases = 0
t.before(async () => {
  server = await startDebianPostgres()
})
t.after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Clients of a database of their own. */
async function clients(t: Test, count: number): Promise<pg.Client[]> {
  const database = `test${++databases}`
  await server.query(`create database ${database}`)
  const connectionString = server.url.replace(/[^/]*$/, database)
  const made = Array.from({ length: count }, () => new pg.Client({ connectionString }))
  await Promise.all(made.map((client) => client.connect()))
  t.after(() => Promise.all(made.map((client) => client.end())))
  return made
}

function copyOfSql(): string {
  const copy = mkdtempSync(join(folder, 'sql-'))
  cpSync(join(import.meta.dirname, '../../../sql'), copy, { recursive: true })
  return copy
}

t.test('an empty database gets all upgrades, and then needs none', async (t) => {
  const [client] = await clients(t, 1)
  if (client === undefined) throw new Error('no client')
  const shipped = await shippedUpgrades()
  t.same(
    await applyUpgrades(client, shipped),
    shipped.map(({ name }) => name),
  )
  t.same(await pendingUpgrades(client, shipped), [])
  t.same(await applyUpgrades(client, shipped), [])
})

t.test('two at once apply each upgrade once', async (t) => {
  const both = await clients(t, 2)
  const shipped = await shippedUpgrades()
  const applied = await Promise.all(both.map((client) => applyUpgrades(client, shipped)))
  t.same(
    applied.flat(),
    shipped.map(({ name }) => name),
  )
})

t.test('an upgrade that was edited after it was applied is refused by name', async (t) => {
  const [client] = await clients(t, 1)
  if (client === undefined) throw new Error('no client')
  const sql = copyOfSql()
  await applyUpgrades(client, await shippedUpgrades(sql))
  appendFileSync(join(sql, '0001_first_ferry.sql'), '-- edited\n')
  await t.rejects(
    shippedUpgrades(sql).then((edited) => applyUpgrades(client, edited)),
    {
      message: /0001_first_ferry\.sql was edited/,
    },
  )
})

t.test('a schema newer than the program is refused by name', async (t) => {
  const [client] = await clients(t, 1)
  if (client === undefined) throw new Error('no client')
  const sql = copyOfSql()
  writeFileSync(join(sql, '9999_future.sql'), 'create table future (id integer);')
  await applyUpgrades(client, await shippedUpgrades(sql))
  await t.rejects(
    shippedUpgrades().then((own) => pendingUpgrades(client, own)),
    { message: /9999_future\.sql.*newer/ },
  )
})

t.test('an upgrade that fails changes nothing', async (t) => {
  const [client] = await clients(t, 1)
  if (client === undefined) throw new Error('no client')
  const sql = copyOfSql()
  writeFileSync(join(sql, '9998_broken.sql'), 'create table half (id integer); select nonsense;')
  await t.rejects(
    shippedUpgrades(sql).then((broken) => applyUpgrades(client, broken)),
    {
      message: /9998_broken\.sql failed and changed nothing/,
    },
  )
  t.equal((await client.query(`select to_regclass('half') as half`)).rows[0].half, null)
})

t.end()
