import { type Kysely, sql } from 'kysely'
import type { CopiedTotals } from '../copying/totals.ts'
import type { DB } from './schema.ts'

export function copiedTotals(db: Kysely<DB>): CopiedTotals {
  return {
    async add(more) {
      const column = <T>(of: (one: (typeof more)[number]) => T) => more.map(of)
      // Whoever locks many rows does so in their order.
      await sql`
        insert into copied_total (provider_id, engine, messages, bytes)
          select provider.id, more.engine, messages, bytes
            from unnest(${column(({ provider }) => provider)}::text[], ${column(({ engine }) => engine)}::text[],
              ${column(({ messages }) => messages)}::bigint[], ${column(({ bytes }) => bytes)}::bigint[])
              as more (name, engine, messages, bytes) join provider using (name)
            order by 1, 2
          on conflict (provider_id, engine) do update
            set messages = copied_total.messages + excluded.messages, bytes = copied_total.bytes + excluded.bytes`.execute(
        db,
      )
    },
  }
}
