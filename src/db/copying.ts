import { type Kysely, sql } from 'kysely'
import type { Copying } from '../operations/report.ts'
import type { DB } from './schema.ts'

/** Who is being copied, by any worker on any host. */
export function copying(db: Kysely<DB>): Copying {
  return {
    async migrationIds() {
      const leased = db.selectFrom('job').select('migration_id').where('holder', 'is not', null)
      return (await leased.where(sql<boolean>`not is_free(job)`).execute()).map(({ migration_id }) => migration_id)
    },
  }
}
