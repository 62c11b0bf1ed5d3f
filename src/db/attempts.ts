import type { Kysely } from 'kysely'
import type { Attempts } from '../copying/ports.ts'
import type { Outcome } from '../model/attempt.ts'
import type { DB } from './schema.ts'

export function attempts(db: Kysely<DB>): Attempts {
  return {
    async last(migrationId, limit) {
      const rows = await db
        .selectFrom('attempt')
        .select([
          'id',
          'host',
          'started_at as startedAt',
          'ended_at as endedAt',
          'outcome',
          'folders',
          'messages',
          'output',
        ])
        .where('migration_id', '=', migrationId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ ...row, outcome: row.outcome as Outcome | null }))
    },
  }
}
