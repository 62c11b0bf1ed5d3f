import { type Kysely, sql, type Transaction } from 'kysely'
import { ACTIVE_STATES, heal, type State } from '../model/migration.ts'
import { Refusal } from '../model/refusal.ts'
import type { Credentials } from '../policy/records.ts'
import { writeSituation } from './migrations.ts'
import type { DB } from './schema.ts'

const BATCH = 1_000

export function credentials(db: Kysely<DB>): Credentials {
  return {
    async *ofActive(migrationIds) {
      const rows = db
        .selectFrom('credential')
        .innerJoin('migration', 'migration.id', 'credential.migration_id')
        .innerJoin('account', 'account.id', 'migration.account_id')
        .select(['migration_id', 'account.address', 'sealed'])
        .where('migration.state', 'in', ACTIVE_STATES)
        .where(sql<boolean>`migration_id = any(${migrationIds}::bigint[])`)
        .stream(BATCH)
      for await (const { migration_id: migrationId, address, sealed } of rows) yield { migrationId, address, sealed }
    },
    renew: (address, sealed) =>
      db.transaction().execute(async (trx) => {
        const { id } = await trx
          .selectFrom('migration')
          .innerJoin('account', 'account.id', 'migration.account_id')
          .select('migration.id')
          .where('address', '=', address)
          .where('state', '<>', 'done')
          .forUpdate('migration')
          .executeTakeFirstOrThrow(() => new Refusal(`${address} has no unfinished migration any more`))
        await renewCredential(id, sealed, trx)
      }),
  }
}

/** Replaces the credential and heals the migration that its refusal stopped. */
export async function renewCredential(migrationId: string, sealed: Uint8Array, trx: Transaction<DB>): Promise<void> {
  const { state, paused_from, code } = await trx
    .selectFrom('migration')
    .select(['state', 'paused_from', 'code'])
    .where('id', '=', migrationId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  const before = { state: state as State, pausedFrom: paused_from as State | null, code }
  const after = heal(before)
  if (after !== before) await writeSituation(migrationId, after, trx)
  await storeCredential(migrationId, sealed, trx)
}

export async function storeCredential(migrationId: string, sealed: Uint8Array, trx: Transaction<DB>): Promise<void> {
  const renewed = { sealed: Buffer.from(sealed), sealed_at: new Date() }
  await trx
    .insertInto('credential')
    .values({ migration_id: migrationId, ...renewed })
    .onConflict((conflict) => conflict.column('migration_id').doUpdateSet(renewed))
    .execute()
}
