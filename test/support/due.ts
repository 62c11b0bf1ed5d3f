import { type Kysely, sql } from 'kysely'
import type { Worker } from '../../src/copying/ports.ts'
import type { DB } from '../../src/db/schema.ts'

/** Whether the worker may claim the job of a migration now. */
export async function isDue(db: Kysely<DB>, id: string, { copyingHost, takesOver }: Worker): Promise<boolean> {
  const { rows } = await sql`
    select from provider
      cross join lateral due_jobs(provider.id, ${copyingHost}, ${takesOver}, now(), 1000) as due
      where is_open(provider, now()) and due.migration_id = ${id}`.execute(db)
  return rows.length > 0
}
