import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Instances } from '../keys/ports.ts'
import type { DB } from './schema.ts'

const BEAT_MS = 5_000
const LEAVE_LIMIT_MS = 1_000
// Who has not been seen for so long is gone.
export const LIVE = sql`interval '20 seconds'`
const FORGOTTEN = sql`interval '1 hour'`

export function instances(db: Kysely<DB>): Instances {
  return {
    async clock() {
      const { rows } = await sql<{ now: Date }>`select now()`.execute(db)
      return rows[0]?.now ?? new Date()
    },
    live: () =>
      db
        .selectFrom('instance')
        .select(['host', 'seals_to as sealsTo', 'seen_at as seenAt'])
        .where('seen_at', '>', sql<Date>`now() - ${LIVE}`)
        .orderBy('host')
        .execute(),
  }
}

/**
 * Says every few seconds that this service lives, and which keys it seals to. Dispose when it stops.
 * @param id a UUID of the service
 */
export function announce(
  db: Kysely<DB>,
  { id, host }: { id: string; host: string },
  sealsTo: () => Promise<string[]>,
): AsyncDisposable {
  const beat = async () => {
    const row = { host, seals_to: await sealsTo(), seen_at: sql<Date>`now()` }
    await db
      .insertInto('instance')
      .values({ id, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute()
    await db.deleteFrom('instance').where('seen_at', '<', sql<Date>`now() - ${FORGOTTEN}`).execute()
  }
  // While the database is away nobody asks it who lives.
  let beating = beat().catch(() => undefined)
  const timer = setInterval(() => {
    beating = beating.then(beat).catch(() => undefined)
  }, BEAT_MS).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      const gone = beating.then(() => db.deleteFrom('instance').where('id', '=', id).execute())
      await Promise.race([gone.catch(() => undefined), wait(LEAVE_LIMIT_MS, undefined, { ref: false })])
    },
  }
}
