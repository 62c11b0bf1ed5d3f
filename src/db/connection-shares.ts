import { type Kysely, sql } from 'kysely'
import type { Allotment, Shares } from '../source/budget.ts'
import type { DB } from './schema.ts'

const NONE: Allotment = { may: 0, excess: 0, most: 0 }

/**
 * What a process has of each provider's connections, as the database deals them out.
 * @param holder a UUID of the process; one that takes the place of another has its shares at once
 * @param leaseMs how long a share is kept unless its holder renews it
 */
export function shares(db: Kysely<DB>, holder: string, leaseMs: number): Shares {
  const lease = `${leaseMs} milliseconds`
  return {
    async claim(provider, use, keep, want) {
      const { rows } = await sql<Allotment>`
        select * from share_connections(${provider}, ${holder}, ${use}, ${keep}, ${want}, ${lease}::interval)`.execute(
        db,
      )
      return rows[0] ?? NONE
    },
  }
}
