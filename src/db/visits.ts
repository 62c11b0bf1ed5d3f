import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { Visits } from '../auth/ports.ts'
import { networkOf } from '../model/network.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const CACHED = 50_000
const SWEEP_EVERY = 1_000

const SEE = 'insert into visit (digest) values ($1) on conflict (digest) do update set seen_at = now()'
const KNOWN = "select from visit where digest = $1 and seen_at > now() - interval '90 days'"
const SWEEP = "delete from visit where seen_at < now() - interval '90 days'"

/** Who has signed in from which network, for three months. Each is written once a day at most. */
export function visits(pool: pg.Pool): Visits {
  const seen = new LRUCache<string, true>({ max: CACHED, ttl: DAY_MS })
  let notes = 0
  return {
    async has(person, client) {
      const key = digest(person, client)
      if (seen.has(key)) return true
      const { rowCount } = await pool.query({ name: 'known-visit', text: KNOWN, values: [key] })
      return rowCount === 1
    },
    async note(person, client) {
      const key = digest(person, client)
      if (seen.has(key)) return
      await pool.query({ name: 'see-visit', text: SEE, values: [key] })
      seen.set(key, true)
      if (++notes % SWEEP_EVERY === 0) await pool.query(SWEEP)
    },
  }
}

function digest(person: string, client: string): string {
  return createHash('sha256')
    .update(`${person}\0${networkOf(client) ?? client}`)
    .digest('hex')
}
