import type { ClientBase } from 'pg'
import type { Columns } from './format.ts'

/** What tells of processes that live now, by table: no backup has it, for after a restore none of them does. */
const OF_LIVE_PROCESSES: Readonly<Record<string, string>> = {
  connection_share: 'leases of connections to old servers',
  hold_confirmed: 'services that have heard of a flip',
  failed_sign_in: 'failures of the last ten minutes',
  instance: 'services that live',
  worker: 'workers that live',
}
/** The header has it. */
export const SCHEMA = 'upgrade'

// Generated columns make themselves.
const TABLES = `
  select relname::text as name,
    array(select attname::text from pg_attribute
      where attrelid = class.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum) as columns,
    array(select other.relname::text from pg_constraint join pg_class as other on other.oid = confrelid
      where conrelid = class.oid and contype = 'f' and confrelid <> conrelid) as refers_to
  from pg_class as class
  where relnamespace = current_schema()::regnamespace and relkind = 'r' and not relispartition
  order by relname`

/** A table, and those that its foreign keys refer to. */
interface Referring extends Columns {
  readonly refers_to: readonly string[]
}

/** The tables that a backup has: each refers to earlier ones only. */
export async function backedTables(client: ClientBase): Promise<Columns[]> {
  const { rows } = await client.query<Referring>(TABLES)
  return inOrder(rows.filter(({ name }) => name !== SCHEMA && !(name in OF_LIVE_PROCESSES)))
}

/** The others, that are there. */
export async function volatileTables(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<Referring>(TABLES)
  return rows.map(({ name }) => name).filter((name) => name in OF_LIVE_PROCESSES)
}

function inOrder(tables: readonly Referring[]): Columns[] {
  const ordered: Columns[] = []
  const waiting = new Map(tables.map((table) => [table.name, table]))
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ refers_to }) => !refers_to.some((name) => waiting.has(name)))
    if (ready.length === 0) throw new Error(`tables refer to each other: ${[...waiting.keys()].join(', ')}`)
    for (const { name, columns } of ready) {
      ordered.push({ name, columns })
      waiting.delete(name)
    }
  }
  return ordered
}
