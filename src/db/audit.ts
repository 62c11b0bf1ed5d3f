import type { Kysely } from 'kysely'
import type { Change } from '../model/audit.ts'
import type { Audit } from '../policy/records.ts'
import type { DB } from './schema.ts'

const BATCH = 1_000

export function audit(db: Kysely<DB>): Audit {
  return {
    list: ({ subject, since }, page) =>
      db
        .selectFrom('audit')
        .select(['id', 'at', 'actor', 'action', 'subject', 'reason', 'detail'])
        .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
        .$if(since !== undefined, (query) => query.where('at', '>=', since ?? new Date(0)))
        .$if(page?.after !== undefined, (query) => query.where('id', '<', page?.after ?? ''))
        .orderBy('id', 'desc')
        .$if(page !== undefined, (query) => query.limit(page?.limit ?? 0))
        .stream(BATCH),
    record: (subject, change) => record(db, subject, change),
  }
}

/** Writes a change down, in the transaction that makes it. */
export async function record(db: Kysely<DB>, subject: string, change: Change): Promise<void> {
  const { actor, action, reason, detail = null } = change
  await db.insertInto('audit').values({ actor, action, subject, reason, detail }).execute()
}
