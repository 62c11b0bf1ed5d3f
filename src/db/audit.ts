import { type Kysely, sql } from 'kysely'
import type { AuditEntry, Change } from '../model/audit.ts'
import { Refused } from '../model/refused.ts'
import type { Audit, AuditFilter, PageRequest } from '../operations/ports.ts'
import { readPage } from './cursor.ts'
import type { DB } from './schema.ts'

const NUMBER = /^\d{1,18}$/

export function audit(db: Kysely<DB>): Audit {
  return {
    page: (request) => entryPage(db, request),
    record: (subject, change) => record(db, subject, change),
  }
}

function selectEntries(db: Kysely<DB>, { subjects, actor, action, since }: AuditFilter) {
  return db
    .selectFrom('audit')
    .select(['at', 'actor', 'action', 'subject', 'reason', 'detail'])
    .$if(subjects !== undefined, (query) => query.where('subject', '=', sql<string>`any(${subjects}::text[])`))
    .$if(actor !== undefined, (query) => query.where('actor', '=', actor ?? ''))
    .$if(action !== undefined, (query) => query.where('action', '=', action ?? ''))
    .$if(since !== undefined, (query) => query.where('at', '>=', since ?? new Date(0)))
}

async function entryPage(db: Kysely<DB>, request: PageRequest & { readonly filter?: AuditFilter }) {
  const { rows, ...cursors } = await readPage<AuditEntry & { cursor: string }>(
    request,
    async ({ from, isBackwards, limit }) => {
      if (from !== null && !NUMBER.test(from))
        throw new Refused('conflict', 'there is no such cursor in the audit: begin with its first page')
      return await selectEntries(db, request.filter ?? {})
        .select('id as cursor')
        .$if(from !== null, (query) => query.where('id', isBackwards ? '>' : '<', from ?? '0'))
        .orderBy('id', isBackwards ? 'asc' : 'desc')
        .limit(limit)
        .execute()
    },
  )
  return { rows: rows.map(({ cursor, ...entry }) => entry), ...cursors }
}

/** Writes a change down, in the transaction that makes it. */
export async function record(db: Kysely<DB>, subject: string, change: Change): Promise<void> {
  const { actor, action, reason, detail = null } = change
  await db.insertInto('audit').values({ actor, action, subject, reason, detail }).execute()
}
