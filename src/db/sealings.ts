import { type Kysely, sql } from 'kysely'
import type { Sealings } from '../keys/ports.ts'
import { inOrder } from './credentials.ts'
import type { DB } from './schema.ts'

const LOCK = 0x6d66_6b72 // "mfkr"

export function sealings(db: Kysely<DB>): Sealings {
  return {
    alone: (work) =>
      db.connection().execute(async (connection) => {
        const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_lock(${LOCK}) as mine`.execute(connection)
        if (!rows[0]?.mine) return null
        return await work().finally(() => sql`select pg_advisory_unlock(${LOCK})`.execute(connection))
      }),
    async counts() {
      const rows = await db
        .selectFrom('credential')
        .select(({ fn }) => ['sealed_to', fn.countAll<string>().as('count')])
        .groupBy('sealed_to')
        .orderBy('count', 'desc')
        .execute()
      return rows.map(({ sealed_to, count }) => ({ to: sealed_to, count: Number(count) }))
    },
    otherThan: (to, after, limit) =>
      db
        .selectFrom('credential')
        .innerJoin('migration', 'migration.id', 'credential.migration_id')
        .innerJoin('provider', 'provider.id', 'migration.provider_id')
        .select(['migration_id as migrationId', 'migration.address', 'sealed', 'provider.name as provider'])
        .where(sql<boolean>`sealed_to is distinct from ${to}::text[]`)
        .where('migration_id', '>', after)
        .orderBy('migration_id')
        .limit(limit)
        .execute(),
    async replace(renewed) {
      const ids = renewed.map(({ before }) => before.migrationId)
      const before = renewed.map((one) => Buffer.from(one.before.sealed))
      const after = renewed.map(({ sealed }) => Buffer.from(sealed.bytes))
      const to = renewed[0]?.sealed.to ?? []
      const { numAffectedRows } = await sql`
        with held as (${inOrder(db, ids)})
        update credential set sealed = line.after, sealed_to = ${to}::text[]
        from unnest(${ids}::bigint[], ${before}::bytea[], ${after}::bytea[]) as line (id, before, after)
        join held on held.migration_id = line.id
        where credential.migration_id = line.id and sealed = line.before`.execute(db)
      return Number(numAffectedRows ?? 0)
    },
    retire: (recipients, newest) =>
      db.transaction().execute(async (trx) => {
        // Whoever is writing now is waited for, and counted; whoever comes later is refused.
        await sql`lock table credential in share row exclusive mode`.execute(trx)
        const { count } = await trx
          .selectFrom('credential')
          .select(({ fn }) => fn.countAll<string>().as('count'))
          .where(sql<boolean>`(sealed_to @> array[${newest}]) is not true`)
          .executeTakeFirstOrThrow()
        if (Number(count) > 0) return Number(count)
        const rows = recipients.map((recipient) => ({ recipient }))
        await trx
          .insertInto('retired_recipient')
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        return 0
      }),
    async reinstate(recipient) {
      await db.deleteFrom('retired_recipient').where('recipient', '=', recipient).execute()
    },
    async isRetired(to) {
      const retired = await db
        .selectFrom('retired_recipient')
        .select('recipient')
        .where('recipient', 'in', to)
        .execute()
      return to.length > 0 && retired.length === new Set(to).size
    },
  }
}
