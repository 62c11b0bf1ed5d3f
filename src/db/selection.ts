import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely'
import type { Migration } from '../model/migration.ts'
import type { Selection } from '../operations/migration-changes.ts'
import type { MigrationFilter } from '../operations/ports.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'
import { STATUS_COLUMNS, toStatus } from './status.ts'

type MigrationRow = Omit<
  Selectable<MigrationTable>,
  'provider_id' | 'home' | 'list_key' | 'search_text' | 'is_double' | 'quota_bytes' | 'returned_at' | 'filters_left_at'
> & {
  provider: string
}

/** As the index on it has it. */
export const CODE = sql<string>`coalesce(migration.code, '')`

/** A finish flips first who works on the source still. */
export const IS_FLIP_AHEAD = sql<boolean>`(flip_requested_at is not null
  or finish_requested_at is not null and route <> 'destination')`

/** What a search has found stands for it. */
export interface Narrowed extends MigrationFilter {
  readonly ids?: readonly string[] | undefined
}

/** Migrations that match, with all that is told of them. */
export function selectMigrations(db: Kysely<DB>, { ids, ...filter }: Narrowed) {
  const { state, provider, domain, code, search, isFinishRequested, route, isFlipRequested, neverCame } = filter
  return db
    .selectFrom('migration')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['migration.id', 'migration.address', 'old_domain', 'old_username', 'provider.name as provider'])
    .select([...STATUS_COLUMNS, 'migration.created_at', 'changed_at'])
    .$if(state !== undefined, (query) => query.where('state', '=', state ?? ''))
    .$if(provider !== undefined, (query) => query.where('provider_id', '=', numberOf(db, provider ?? '')))
    .$if(domain !== undefined, (query) => query.where('old_domain', '=', domain ?? ''))
    .$if(code !== undefined, (query) => query.where(CODE, '=', code ?? ''))
    .$if(isFinishRequested !== undefined, (query) =>
      query.where('finish_requested_at', isFinishRequested ? 'is not' : 'is', null),
    )
    .$if(route !== undefined, (query) => query.where('route', '=', route ?? ''))
    .$if(isFlipRequested !== undefined, (query) => query.where(sql<boolean>`${IS_FLIP_AHEAD} = ${isFlipRequested}`))
    .$if(neverCame !== undefined, (query) =>
      query.where(sql<boolean>`(account_id is null and state <> 'done') = ${neverCame}`),
    )
    .$if(ids !== undefined, (query) => query.where(sql<boolean>`migration.id = any(${ids}::bigint[])`))
    .$if(search !== undefined, (query) =>
      query.where(sql<boolean>`${sql.join(wordsOf(search ?? '').map(isNamed), sql` and `)}`),
    )
}

function wordsOf(search: string): string[] {
  return search.split(/\s+/).filter((word) => word !== '')
}

/** Each word is somewhere in a name, in whatever order. */
function isNamed(word: string): RawBuilder<boolean> {
  return sql<boolean>`position(lower(${word}) in search_text) > 0`
}

/** Found once, so that the index on the provider's number gives the addresses in order. */
function numberOf(db: Kysely<DB>, provider: string) {
  return db.selectFrom('provider').select('id').where('name', '=', provider)
}

export function selectSelection(db: Kysely<DB>, selection: Selection) {
  if ('filter' in selection) return selectMigrations(db, selection.filter)
  return selectMigrations(db, {}).where(sql<boolean>`migration.address = any(${selection.addresses}::text[])`)
}

export function toMigration(row: MigrationRow): Migration {
  return {
    id: row.id,
    address: row.address,
    oldDomain: row.old_domain,
    oldUsername: row.old_username,
    provider: row.provider,
    ...toStatus(row),
    createdAt: row.created_at,
    changedAt: row.changed_at,
  }
}
