import { type Kysely, sql, type Transaction } from 'kysely'
import type { Sealed } from '../keys/ports.ts'
import { ACTIVE_STATES, heal } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { Credentials } from '../operations/ports.ts'
import { record } from './audit.ts'
import { isUniqueViolation } from './connection/errors.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB } from './schema.ts'
import { makeDue, STATUS_COLUMNS, toStatus, transitionDetail, writeStatus } from './status.ts'

export function credentials(db: Kysely<DB>): Credentials {
  return {
    async handOut(migrationIds, to) {
      const rows = await db
        .with('held', (held) => inOrder(held, migrationIds))
        .updateTable('credential')
        .from('held')
        .innerJoin('migration', 'migration.id', 'held.migration_id')
        .innerJoin('provider', 'provider.id', 'migration.provider_id')
        .set({ opened_at: sql`now()`, opened_by: to })
        .whereRef('held.migration_id', '=', 'credential.migration_id')
        .where('migration.state', 'in', ACTIVE_STATES)
        .returning(['credential.migration_id', 'migration.address', 'sealed'])
        .returning(PROVIDER_COLUMNS)
        .execute()
      return rows.map(({ migration_id, address, sealed, ...provider }) => {
        return { migrationId: migration_id, address, sealed, provider: toProvider(provider) }
      })
    },
    async factsOf(address) {
      const row = await db
        .selectFrom('credential')
        .innerJoin('migration', 'migration.id', 'credential.migration_id')
        .select(['sealed_at as sealedAt', 'sealed_to as sealedTo', 'opened_at as openedAt', 'opened_by as openedBy'])
        .where('migration.address', '=', address)
        .executeTakeFirst()
      return row ?? null
    },
    async renew(address, sealed, home, by, whose) {
      const work = db.transaction().execute(async (trx) => {
        const { id, account_id } = await trx
          .selectFrom('migration')
          .select(['id', 'account_id'])
          .where('address', '=', address)
          .where('state', '<>', 'done')
          .forUpdate()
          .executeTakeFirstOrThrow(() => new Refused('conflict', `${address} has no unfinished migration any more`))
        if (whose === 'awaited' && account_id !== null) throw new Refused('conflict', `${address} has come by now`)
        if (account_id === null) {
          const kept = sql<string>`coalesce(home, ${home})`
          await trx.updateTable('migration').set({ home: kept }).where('id', '=', id).execute()
        }
        const detail = await renewCredential(id, sealed, trx)
        await record(trx, address, { ...by, action: 'migration.set-password', ...detail })
      })
      await work.catch((error) => {
        if (!isUniqueViolation(error, 'home_pkey')) throw error
        throw new Refused('conflict', `the home of ${address} is somebody else's`)
      })
    },
  }
}

/** Locks credentials in the order of their numbers: whoever changes many at a time goes through here. */
export function inOrder(db: Pick<Kysely<DB>, 'selectFrom'>, migrationIds: readonly string[]) {
  return db
    .selectFrom('credential')
    .select('migration_id')
    .where(sql<boolean>`migration_id = any(${migrationIds}::bigint[])`)
    .orderBy('migration_id')
    .forUpdate()
}

/** Replaces the credential and heals what its lack or refusal stopped; returns what the audit says about the state. */
export async function renewCredential(
  migrationId: string,
  sealed: Sealed,
  trx: Transaction<DB>,
): Promise<{ detail?: string }> {
  const row = await trx
    .selectFrom('migration')
    .select(STATUS_COLUMNS)
    .where('id', '=', migrationId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  const before = toStatus(row)
  const after = heal(before)
  if (after !== before) await writeStatus(migrationId, after, trx)
  if (after.isDue) await makeDue(migrationId, false, trx)
  await storeCredential(migrationId, sealed, trx)
  return transitionDetail(before, after)
}

export async function storeCredential(migrationId: string, { bytes, to }: Sealed, trx: Transaction<DB>): Promise<void> {
  const renewed = {
    ...{ sealed: Buffer.from(bytes), sealed_at: new Date(), sealed_to: [...to] },
    ...{ opened_at: null, opened_by: null },
  }
  await trx
    .insertInto('credential')
    .values({ migration_id: migrationId, ...renewed })
    .onConflict((conflict) => conflict.column('migration_id').doUpdateSet(renewed))
    .execute()
}
