import type pg from 'pg'
import { Refused } from '../../model/refused.ts'
import { appliedUpgrades, pendingUpgrades, type Upgrade } from '../connection/upgrades.ts'
import { quoted } from './format.ts'
import { backedTables, SCHEMA, volatileTables } from './tables.ts'

const HOW = 'restore into a new, empty database'
const RELATIONS = `select relname from pg_class
  where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'e') limit 1`
const FUNCTIONS = `select oid::regprocedure::text as name from pg_proc
  where pronamespace = current_schema()::regnamespace and proowner = (select oid from pg_roles where rolname = current_user)
    and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')`

/**
 * Makes sure that nothing is in a database that is to be filled. A schema in which nobody is, as after the first start of
 * `serve`, is taken away: the backup may be of an older one.
 * @throws Refused `conflict` when there is more
 */
export async function clearTarget(client: pg.Client, shipped: readonly Upgrade[]): Promise<void> {
  if ((await appliedUpgrades(client)).length > 0) {
    // Whose schema is newer than this program is in use by another.
    await pendingUpgrades(client, shipped)
    await dropEmpty(client)
  }
  const { rows } = await client.query(RELATIONS)
  if (rows.length > 0) throw new Refused('conflict', `the database is not empty, ${rows[0].relname} is in it: ${HOW}`)
}

async function dropEmpty(client: pg.Client): Promise<void> {
  const tables = (await backedTables(client)).map(({ name }) => name)
  const all = [...tables, ...(await volatileTables(client)), SCHEMA].map(quoted).join(', ')
  // From here on nobody writes.
  await client.query(`lock table ${all}`)
  for (const table of tables) {
    const { rowCount } = await client.query(`select from ${quoted(table)} limit 1`)
    if (rowCount !== 0) throw new Refused('conflict', `the database is not empty, table ${table} has rows: ${HOW}`)
  }
  await client.query(`drop table ${all} cascade`)
  // One may have gone with another that uses it.
  for (const { name } of (await client.query(FUNCTIONS)).rows)
    await client.query(`drop routine if exists ${name} cascade`)
}
