import { type InferResult, type Kysely, sql } from 'kysely'
import type { Route } from '../model/migration.ts'
import type { Holds, RouteReads } from '../routing/holds.ts'
import type { Routes } from '../routing/route.ts'
import { ACCOUNT_COLUMNS, toAccount } from './accounts.ts'
import { record } from './audit.ts'
import type { Database } from './connection/database.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB } from './schema.ts'

/** The route of one person. Prepared once for each connection: it takes longer to plan than to carry out. */
function routeQuery(db: Kysely<DB>) {
  return db
    .selectFrom('migration')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .leftJoin('flip', 'flip.migration_id', 'migration.id')
    .leftJoin('account', 'account.address', 'migration.address')
    .select(['migration.id', 'route', 'old_username', ...PROVIDER_COLUMNS, ...ACCOUNT_COLUMNS])
    .select(sql<boolean>`coalesce(held_until < clock_timestamp(), true)`.as('is_over'))
    .where('migration.address', '=', 'the only parameter')
    .compile()
}

type Row = InferResult<ReturnType<typeof routeQuery>>[number]

/** @param reads counts the reads that become answers */
export function routes({ kysely: db, pool }: Pick<Database, 'kysely' | 'pool'>, reads: RouteReads): Routes {
  const { sql: text } = routeQuery(db)
  const read = async (address: string) => {
    const { rows } = await reads.read(() => pool.query<Row>({ name: 'route', text, values: [address] }))
    return rows[0]
  }
  return {
    async routeOf(address) {
      let row = await read(address)
      if (row?.route === 'held' && row.is_over) {
        await endLateHold(db, row.id)
        row = await read(address)
      }
      if (row === undefined) return null
      const { address: has } = row
      const account = has === null ? null : toAccount(row as Parameters<typeof toAccount>[0])
      return { route: row.route as Route, provider: toProvider(row), username: row.old_username, account }
    },
  }
}

/**
 * A hold whose time is over goes back to where it came from, whoever notices it: then the flip that it was for ends as well. What it
 * has moved is moved back by the copying host.
 */
export async function endLateHold(db: Kysely<DB>, migrationId: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const held = await trx
      .selectFrom('migration')
      .select('address')
      .where('id', '=', migrationId)
      .where('route', '=', 'held')
      .forUpdate()
      .executeTakeFirst()
    if (held === undefined) return
    const { rows } = await sql<{ is_over: boolean; is_return: boolean }>`
      select held_until < clock_timestamp() as is_over, is_return from flip where migration_id = ${migrationId} for update`.execute(
      trx,
    )
    if (rows[0]?.is_over === false) return
    const to = rows[0]?.is_return ? 'destination' : 'source'
    await trx
      .updateTable('migration')
      .set({ route: to, changed_at: new Date() })
      .where('id', '=', migrationId)
      .execute()
    await sql`delete from flip where migration_id = ${migrationId} and step = 'held'`.execute(trx)
    await sql`update flip set step = 'back' where migration_id = ${migrationId}`.execute(trx)
    const detail = `held → ${to}: its time was over`
    const action = rows[0]?.is_return ? 'migration.return-ended' : 'migration.flip-ended'
    await record(trx, held.address, { actor: 'postferry', action, reason: null, detail })
  })
}

/** @param instance the service's id */
export function holds({ kysely: db, ready }: Pick<Database, 'kysely' | 'ready'>, instance: string): Holds {
  return {
    async unconfirmed() {
      await ready()
      const { rows } = await sql<{ hold: string; address: string }>`
        select hold, address from flip join migration on migration.id = migration_id
        where not exists (select from hold_confirmed as mine where mine.hold = flip.hold and instance_id = ${instance})`.execute(
        db,
      )
      return rows
    },
    async confirm(confirmed) {
      await sql`insert into hold_confirmed (hold, instance_id)
        select hold, ${instance} from flip where hold = any(${confirmed.map(({ hold }) => hold)}::uuid[]) on conflict do nothing`.execute(
        db,
      )
    },
  }
}
