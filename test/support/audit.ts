import type { Kysely } from 'kysely'
import { audit } from '../../src/db/audit.ts'
import type { DB } from '../../src/db/schema.ts'
import type { AuditEntry } from '../../src/model/audit.ts'
import type { AuditFilter } from '../../src/operations/ports.ts'

/** Everything in the audit that matches, newest first. */
export async function entriesOf(db: Kysely<DB>, filter: AuditFilter = {}): Promise<AuditEntry[]> {
  const { rows } = await audit(db).page({ filter, limit: 100_000 })
  return [...rows]
}
