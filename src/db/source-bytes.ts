import { type Kysely, sql } from 'kysely'
import type { SourceBytes } from '../copying/ports.ts'
import type { DB } from './schema.ts'

const TODAY = sql<Date>`(now() at time zone 'UTC')::date`

/** What was read at the source of each person's mail, by the day. */
export function sourceBytes(db: Kysely<DB>): SourceBytes {
  return {
    async today(migrationId) {
      const row = await db
        .selectFrom('source_bytes')
        .select('bytes')
        .where('migration_id', '=', migrationId)
        .where('day', '=', TODAY)
        .executeTakeFirst()
      return Number(row?.bytes ?? 0)
    },
    // In the order of their numbers, as all locks; of whom was removed meanwhile nothing is kept.
    async add(read) {
      await sql`
        insert into source_bytes (migration_id, day, bytes)
          select id, ${TODAY}, read.bytes
            from unnest(${[...read.keys()]}::bigint[], ${[...read.values()]}::bigint[]) as read (id, bytes)
              join migration using (id) order by id
        on conflict (migration_id) do update set day = excluded.day,
          bytes = excluded.bytes + case when source_bytes.day = excluded.day then source_bytes.bytes else 0 end`.execute(
        db,
      )
    },
  }
}
