import { type Kysely, sql, type Transaction } from 'kysely'
import type { Change } from '../model/audit.ts'
import { ACTIVE_STATES, type CopyOrder, finish, type Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { Finishing, Migrations, Share } from '../operations/ports.ts'
import { record } from './audit.ts'
import { findLedger } from './ledgers.ts'
import { migrationPage } from './migration-page.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB } from './schema.ts'
import { selectMigrations, toMigration } from './selection.ts'
import { isSame, makeDue, transitionDetail, writeStatus } from './status.ts'

const BATCH = 1_000

/** Where a person's mail is copied to, with account or without. */
const HOME = sql<string>`coalesce(account.home, migration.home)`

export function migrations(db: Kysely<DB>): Migrations {
  return {
    page: (request) => migrationPage(db, request),
    async count(filter) {
      const counted = selectMigrations(db, filter)
        .clearSelect()
        .select(({ fn }) => fn.countAll<string>().as('count'))
      return Number((await counted.executeTakeFirstOrThrow()).count)
    },
    async find(address) {
      const row = await selectMigrations(db, {}).where('migration.address', '=', address).executeTakeFirst()
      return row === undefined ? null : toMigration(row)
    },
    async orderOf(address) {
      const row = await selectOrders(db, {}).where('migration.address', '=', address).executeTakeFirst()
      return row === undefined ? null : toOrder(row)
    },
    finish: (address, changeOf) => db.transaction().execute((trx) => finishHeld(trx, address, changeOf)),
    async take(address, transition, change) {
      return await db.transaction().execute(async (trx) => {
        const before = await hold(trx, address)
        if (before === null) return null
        const { isDue = false, isForAnyHost = false, ...status } = transition(before)
        const after = isSame(before, status) ? before : { ...before, ...status, changedAt: new Date() }
        if (after !== before) await writeStatus(before.id, after, trx)
        if (isDue) await makeDue(before.id, isForAnyHost, trx)
        await record(trx, address, { ...transitionDetail(before, after), ...change })
        return after
      })
    },
    // Both lists come from one snapshot, whoever is provisioned meanwhile.
    readOrders: (share, read) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((trx) => read({ ids: idsOf(trx, share), orders: ordersOf(trx, share) })),
  }
}

async function hold(trx: Transaction<DB>, address: string): Promise<Migration | null> {
  const row = await selectMigrations(trx, {})
    .where('migration.address', '=', address)
    .forUpdate('migration')
    .executeTakeFirst()
  return row === undefined ? null : toMigration(row)
}

async function finishHeld(
  trx: Transaction<DB>,
  address: string,
  changeOf: (found: Finishing) => Change,
): Promise<Migration | null> {
  const migration = await hold(trx, address)
  if (migration === null) return null
  if (migration.route !== 'destination' && migration.hasAccount)
    throw new Refused('conflict', 'the person works on the old server still: flip first')
  const after = { ...migration, ...finish(migration), changedAt: new Date() }
  const ledger = await findLedger(trx, migration.id)
  const change = changeOf({ migration, ledger, unmergedIn: await unmergedIn(trx, migration.id) })
  await writeStatus(migration.id, after, trx)
  await record(trx, address, change)
  return after
}

/** Only an attempt merges it, and a finished migration has none; the row stays for one that is reopened. */
async function unmergedIn(trx: Transaction<DB>, id: string): Promise<string | null> {
  const row = await trx
    .selectFrom('flip')
    .innerJoin('migration', 'migration.id', 'migration_id')
    .innerJoin('account', 'account.id', 'account_id')
    .select('account.home')
    .where('migration_id', '=', id)
    .where('step', '=', 'landed')
    .where('is_return', '=', false)
    .executeTakeFirst()
  return row?.home ?? null
}

// At this hour.
const isOpen = sql<boolean>`is_open(provider, now())`

async function* idsOf(db: Kysely<DB>, share: Share): AsyncIterable<string> {
  for await (const { id } of selectOrders(db, share).where(isOpen).clearSelect().select('migration.id').stream(BATCH))
    yield id
}

async function* ordersOf(db: Kysely<DB>, share: Share): AsyncIterable<CopyOrder> {
  for await (const row of selectOrders(db, share).where(isOpen).stream(BATCH)) yield toOrder(row)
}

function toOrder({
  id,
  address,
  home,
  is_mirrored: isMirrored,
  ...provider
}: { id: string; address: string; home: string; is_mirrored: boolean } & Parameters<typeof toProvider>[0]): CopyOrder {
  return { id, address, home, provider: toProvider(provider), isMirrored }
}

/** Of active migrations. */
function selectOrders(db: Kysely<DB>, { provider, isPlain, shard }: Share) {
  return (
    db
      .selectFrom('migration')
      .leftJoin('account', 'account.id', 'migration.account_id')
      .innerJoin('provider', 'provider.id', 'migration.provider_id')
      .select(['migration.id', 'migration.address', HOME.as('home'), ...PROVIDER_COLUMNS])
      .select(sql<boolean>`route <> 'destination'`.as('is_mirrored'))
      .where('state', 'in', ACTIVE_STATES)
      .$if(provider !== undefined, (query) => query.where('provider.name', '=', provider ?? ''))
      // A mirror is doveadm's, and OfflineIMAP knows nothing of roles.
      .$if(isPlain === true, (query) =>
        query.where(sql<boolean>`route = 'destination' and provider.engine <> 'doveadm' and provider.roles <> 'map'`),
      )
      .$if(shard !== undefined, (query) =>
        query.where(sql<boolean>`migration.id % ${shard?.of} = ${(shard?.number ?? 1) - 1}`),
      )
      .orderBy('migration.id')
  )
}
