import type pg from 'pg'
import { Refused } from '../../model/refused.ts'
import { appliedUpgrades, type Upgrade } from '../connection/upgrades.ts'
import { quoted } from './format.ts'
import { backedTables, volatileTables } from './tables.ts'

const HOW = 'restore into a new, empty database'
const RELATIONS = `select relname from pg_class
  where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'e') limit 1`

/**
 * What there is in a database that is to be filled: nothing, or the backup's schema and nobody in it, as after the first
 * start of `serve`.
 * @throws Refused `conflict` when there is more
 */
export async function emptyTarget(client: pg.Client, had: readonly Upgrade[]): Promise<'nothing' | 'schema'> {
  const applied = await appliedUpgrades(client)
  if (applied.length === 0) {
    const { rows } = await client.query(RELATIONS)
    if (rows.length === 0) return 'nothing'
    throw new Refused('conflict', `the database is not empty, ${rows[0].relname} is in it: ${HOW}`)
  }
  // From here on nobody writes.
  const tables = (await backedTables(client)).map(({ name }) => name)
  const others = await volatileTables(client)
  await client.query(`lock table ${[...tables, ...others].map(quoted).join(', ')}`)
  for (const table of tables) {
    const { rowCount } = await client.query(`select from ${quoted(table)} limit 1`)
    if (rowCount !== 0) throw new Refused('conflict', `the database is not empty, table ${table} has rows: ${HOW}`)
  }
  const isSame = applied.length === had.length && applied.every(({ sha256 }, index) => sha256 === had[index]?.sha256)
  if (!isSame) throw new Refused('conflict', `the database has the schema of another version than the backup: ${HOW}`)
  await client.query(`truncate ${others.map(quoted).join(', ')}`)
  return 'schema'
}
