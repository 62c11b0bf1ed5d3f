import { type Kysely, sql } from 'kysely'
import type { Attempts } from '../copying/ports.ts'
import type { LatestAttempt, Outcome } from '../model/attempt.ts'
import type { Progress } from '../model/progress.ts'
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
          'progress',
        ])
        .where('migration_id', '=', migrationId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ progress, ...row }) => {
        return {
          ...{ ...row, outcome: row.outcome as Outcome | null },
          progress: row.endedAt === null ? (progress as unknown as Progress | null) : null,
        }
      })
    },
    async latest(migrationIds) {
      const { rows } = await sql<LatestAttempt & { id: string }>`
        select job.migration_id as id, nullif(due_at, 'infinity') as "dueAt", failures, ended.outcome,
            holder is not null and not is_free(job) as "isRunning", coalesce(running.messages, 0) as messages,
            running.started_at as "startedAt", completed_at as "completedAt"
          from job
            left join lateral (
              select outcome from attempt where attempt.migration_id = job.migration_id and ended_at is not null
                order by id desc limit 1
            ) as ended on true
            left join lateral (
              select messages, started_at from attempt where attempt.migration_id = job.migration_id and ended_at is null
                and started_at >= claimed_at order by id desc limit 1
            ) as running on true
          where job.migration_id = any(${migrationIds}::bigint[])`.execute(db)
      return new Map(rows.map(({ id, ...latest }) => [id, latest]))
    },
  }
}
