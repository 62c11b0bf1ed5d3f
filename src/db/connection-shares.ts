import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Allotment, Shares } from '../source/budget.ts'
import type { DB } from './schema.ts'

const NONE: Allotment = { may: 0, excess: 0, most: 0 }

/**
 * What this process has of each provider's connections, as the database deals them out.
 * @param leaseMs so long a share is kept without a word from its holder
 */
export function shares(db: Kysely<DB>, leaseMs: number): Shares {
  const me = randomUUID()
  const lease = `${leaseMs} milliseconds`
  return {
    async claim(provider, use, keep, want) {
      const { rows } = await sql<Allotment>`
        select * from share_connections(${provider}, ${me}, ${use}, ${keep}, ${want}, ${lease}::interval)`.execute(db)
      return rows[0] ?? NONE
    },
  }
}
