import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { MigrationFilter, MigrationPageRequest, MigrationSort, Page } from '../operations/ports.ts'
import { type Reach, readPage } from './cursor.ts'
import type { DB } from './schema.ts'
import { CODE, type Narrowed, selectMigrations, toMigration } from './selection.ts'

/** What a list is sorted by before the address, as the index on it has it. */
interface Key {
  readonly column: RawBuilder<unknown>
  /** What a cursor says of it, and that read back. */
  readonly text: RawBuilder<string>
  readonly pattern: RegExp
  valueOf(text: string): RawBuilder<unknown>
}

/** Where a row is in a list. */
interface Cursor {
  /** What the list is sorted by; empty: by the address alone. */
  readonly key: string
  readonly address: string
}

/** Addresses in the order in which people read them. */
const ADDRESS = sql`migration.list_key`
const addressOf = ({ address }: Cursor) => sql`list_key(${address})`

type MigrationRow = Migration & { readonly cursor: string }

const TEXT = { pattern: /^[^\0]*$/, valueOf: (text: string) => sql`${text}::text` }
const KEYS: Readonly<Record<Exclude<MigrationSort, 'address' | 'provider'>, Key>> = {
  state: { column: sql`state`, text: sql`state`, ...TEXT },
  code: { column: CODE, text: CODE, ...TEXT },
  // Migrations are numbered as they are made.
  created_at: {
    ...{ column: sql`migration.id`, text: sql`migration.id::text` },
    ...{ pattern: /^\d{1,18}$/, valueOf: (number) => sql`${number}::bigint` },
  },
  changed_at: {
    column: sql`changed_at`,
    text: sql`(extract(epoch from changed_at) * 1000000)::bigint::text`,
    pattern: /^\d{1,16}$/,
    valueOf: (microseconds) => sql`(timestamptz 'epoch' + ${microseconds}::bigint * interval '1 microsecond')`,
  },
}

export async function migrationPage(db: Kysely<DB>, request: MigrationPageRequest): Promise<Page<Migration>> {
  const { filter: given = {}, sort = 'address', descending = false } = request
  const filter = await narrowed(db, given)
  const { rows, ...cursors } = await readPage<MigrationRow>(request, ({ from, isBackwards, limit }) => {
    const reach = { from, limit, isBackwards: descending !== isBackwards }
    if (sort === 'provider') return readByProvider(db, filter, reach)
    return readSorted(db, filter, keyOf(sort, filter), reach)
  })
  return { rows: rows.map(({ cursor, ...migration }) => migration), ...cursors }
}

/** So few are found and then sorted; of more, enough come soon in any order. */
const FEW = 2_000

/** In the order of a list a search would read everybody one by one. */
async function narrowed(db: Kysely<DB>, filter: MigrationFilter): Promise<Narrowed> {
  if (filter.search === undefined) return filter
  const found = await selectMigrations(db, filter)
    .clearSelect()
    .select('migration.id')
    .limit(FEW + 1)
    .execute()
  return found.length > FEW ? filter : { ...filter, search: undefined, ids: found.map(({ id }) => id) }
}

/** Null: by the address alone, as is everybody in one state. */
function keyOf(sort: Exclude<MigrationSort, 'provider'>, filter: MigrationFilter): Key | null {
  const isOne = (sort === 'state' || sort === 'code') && filter[sort] !== undefined
  return sort === 'address' || isOne ? null : KEYS[sort]
}

/** @param key null: sorted by the address alone */
async function readSorted(
  db: Kysely<DB>,
  filter: Narrowed,
  key: Key | null,
  { from, isBackwards, limit }: Reach,
): Promise<MigrationRow[]> {
  const cursor = from === null ? null : cursorIn(from, key?.pattern ?? TEXT.pattern)
  const direction = isBackwards ? 'desc' : 'asc'
  const rows = await selectMigrations(db, filter)
    .select((key?.text ?? sql<string>`''`).as('key'))
    .$if(cursor !== null, (query) => query.where(isBeyond(key, cursor as Cursor, isBackwards)))
    .$if(key !== null, (query) => query.orderBy((key as Key).column, direction))
    .orderBy(ADDRESS, direction)
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...toMigration(row), cursor: textOf({ key: row.key, address: row.address }) }))
}

function isBeyond(key: Key | null, cursor: Cursor, isBackwards: boolean) {
  const beyond = isBackwards ? sql`<` : sql`>`
  if (key === null) return sql<boolean>`${ADDRESS} ${beyond} ${addressOf(cursor)}`
  return sql<boolean>`(${key.column}, ${ADDRESS}) ${beyond} (${key.valueOf(cursor.key)}, ${addressOf(cursor)})`
}

/** One provider after the other: no index has their names beside the addresses. */
async function readByProvider(
  db: Kysely<DB>,
  filter: Narrowed,
  { from, isBackwards, limit }: Reach,
): Promise<MigrationRow[]> {
  const cursor = from === null ? null : cursorIn(from, TEXT.pattern)
  const providers = await db
    .selectFrom('provider')
    .select('name')
    .$if(filter.provider !== undefined, (query) => query.where('name', '=', filter.provider ?? ''))
    .$if(cursor !== null, (query) => query.where('name', isBackwards ? '<=' : '>=', cursor?.key ?? ''))
    .orderBy('name', isBackwards ? 'desc' : 'asc')
    .execute()
  const rows: MigrationRow[] = []
  for (const { name } of providers) {
    const reach = { from: name === cursor?.key ? from : null, isBackwards, limit: limit - rows.length }
    const found = await readSorted(db, { ...filter, provider: name }, null, reach)
    rows.push(...found.map((row) => ({ ...row, cursor: textOf({ key: name, address: row.address }) })))
    if (rows.length === limit) break
  }
  return rows
}

function textOf({ key, address }: Cursor): string {
  return Buffer.from(JSON.stringify([key, address])).toString('base64url')
}

/** @throws Refused when it is no cursor of a list that is sorted so */
function cursorIn(text: string, pattern: RegExp): Cursor {
  try {
    const [key, address] = JSON.parse(Buffer.from(text, 'base64url').toString())
    const isCursor = [key, address].every((part) => typeof part === 'string' && TEXT.pattern.test(part))
    if (isCursor && pattern.test(key)) return { key, address }
  } catch {
    // It is not of this program.
  }
  throw new Refused('conflict', 'there is no such cursor in the list: begin with its first page')
}
