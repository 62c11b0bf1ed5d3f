import type { Kysely } from 'kysely'
import type { Attempts } from '../copying/ports.ts'
import type { Outcome } from '../model/attempt.ts'
import type { DB } from './schema.ts'

export function attempts(db: Kysely<DB>): Attempts {
  return {
    async last(migrationId, limit) {
      const rows = await db
        .selectFrom('attempt')
        .selectAll()
        .where('migration_id', '=', migrationId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ id, host, started_at, ended_at, outcome, folders, messages, output }) => {
        return {
          id,
          host,
          startedAt: started_at,
          endedAt: ended_at,
          outcome: outcome as Outcome,
          folders,
          messages,
          output,
        }
      })
    },
  }
}
