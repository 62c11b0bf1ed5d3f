import { type Kysely, type Selectable, sql } from 'kysely'
import { ACTIVE_STATES, type CopyOrder, type Migration, type Route } from '../model/migration.ts'
import type { MigrationFilter, Migrations, Share } from '../policy/records.ts'
import { record } from './audit.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'
import { makeDue, SITUATION_COLUMNS, stepDetail, toSituation, writeSituation } from './situation.ts'
import { isOpen } from './window.ts'

const BATCH = 1_000

/** Where a person's mail is copied to, with account or without. */
export const HOME = sql<string>`coalesce(account.home, migration.home)`

type MigrationRow = Omit<Selectable<MigrationTable>, 'account_id' | 'provider_id' | 'home'> & { provider: string }

export function migrations(db: Kysely<DB>): Migrations {
  return {
    async *list(filter) {
      for await (const row of select(db, filter).orderBy('migration.address').stream(BATCH)) yield toMigration(row)
    },
    async find(address) {
      const row = await select(db, {}).where('migration.address', '=', address).executeTakeFirst()
      return row === undefined ? null : toMigration(row)
    },
    async orderOf(address) {
      const row = await selectOrders(db, {}).where('migration.address', '=', address).executeTakeFirst()
      return row === undefined ? null : toOrder(row)
    },
    async take(address, step, change) {
      return await db.transaction().execute(async (trx) => {
        const row = await select(trx, {})
          .where('migration.address', '=', address)
          .forUpdate('migration')
          .executeTakeFirst()
        if (row === undefined) return null
        const before = toMigration(row)
        const { isDue = false, ...situation } = step(before)
        const after = { ...before, ...situation, changedAt: new Date() }
        await writeSituation(before.id, after, trx)
        if (isDue) await makeDue(before.id, trx)
        await record(trx, address, { ...stepDetail(before, after), ...change })
        return after
      })
    },
    // Both lists come from one snapshot, whatever is captured meanwhile.
    readOrders: (share, read) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((trx) => read({ ids: idsOf(trx, share), orders: ordersOf(trx, share) })),
  }
}

async function* idsOf(db: Kysely<DB>, share: Share): AsyncIterable<string> {
  for await (const { id } of selectOrders(db, share).where(isOpen).clearSelect().select('migration.id').stream(BATCH))
    yield id
}

async function* ordersOf(db: Kysely<DB>, share: Share): AsyncIterable<CopyOrder> {
  for await (const row of selectOrders(db, share).where(isOpen).stream(BATCH)) yield toOrder(row)
}

function toOrder({
  id,
  home,
  ...provider
}: { id: string; home: string } & Parameters<typeof toProvider>[0]): CopyOrder {
  return { id, home, provider: toProvider(provider) }
}

function select(db: Kysely<DB>, { state, provider, domain, code, search, neverCame }: MigrationFilter) {
  return db
    .selectFrom('migration')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['migration.id', 'migration.address', 'old_domain', 'old_username', 'provider.name as provider'])
    .select([...SITUATION_COLUMNS, 'route', 'migration.created_at', 'changed_at'])
    .$if(state !== undefined, (query) => query.where('state', '=', state ?? ''))
    .$if(provider !== undefined, (query) => query.where('provider.name', '=', provider ?? ''))
    .$if(domain !== undefined, (query) => query.where('old_domain', '=', domain ?? ''))
    .$if(code !== undefined, (query) => query.where('code', '=', code ?? ''))
    .$if(neverCame === true, (query) => query.where('account_id', 'is', null).where('state', '<>', 'done'))
    .$if(search !== undefined, (query) =>
      query.where(sql<boolean>`(position(lower(${search}) in migration.address) > 0
        or position(lower(${search}) in lower(old_username)) > 0)`),
    )
}

/** Of active migrations. */
function selectOrders(db: Kysely<DB>, { provider, shard }: Share) {
  return db
    .selectFrom('migration')
    .leftJoin('account', 'account.id', 'migration.account_id')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['migration.id', HOME.as('home'), ...PROVIDER_COLUMNS])
    .where('state', 'in', ACTIVE_STATES)
    .$if(provider !== undefined, (query) => query.where('provider.name', '=', provider ?? ''))
    .$if(shard !== undefined, (query) =>
      query.where(sql<boolean>`migration.id % ${shard?.of} = ${(shard?.number ?? 1) - 1}`),
    )
    .orderBy('migration.id')
}

function toMigration(row: MigrationRow): Migration {
  return {
    id: row.id,
    address: row.address,
    oldDomain: row.old_domain,
    oldUsername: row.old_username,
    provider: row.provider,
    ...toSituation(row),
    route: row.route as Route,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  }
}
