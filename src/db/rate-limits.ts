import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import { RateLimiterPostgres } from 'rate-limiter-flexible'
import type { AttemptLimit, RateLimit, RateLimitSubject } from '../auth/ports.ts'
import { networkOf } from '../model/network.ts'
import type { Database } from './connection/database.ts'

/** How many failed logins within ten minutes are too many: of a person, a client's network, a provider; 0: no limit. */
export type Limits = Readonly<Record<Side, number>>

type Side = keyof RateLimitSubject

const SIDES: readonly Side[] = ['person', 'client', 'provider']
const WINDOW_S = 600
/** How long somebody stays limited at most whose rows an administrator has deleted. */
const KNOWN_MS = 10_000
const MOST_KNOWN = 10_000
// A count adds three rows at most, so that sweeping keeps pace with any flood, and each sweep is short.
const SWEEP_EVERY = 100
const SWEEP_ROWS = 1_000

// The library reads one key at a time; a login asks for three.
const READ = 'select key, points, expire from failed_sign_in where key = any($1) and expire > $2'
const SWEEP = `with swept as materialized (
  select key from failed_sign_in where expire <= $1 order by expire limit $2 for update skip locked
) delete from failed_sign_in using swept where failed_sign_in.key = swept.key`

/**
 * Failed logins, counted in the database.
 * @param prefix of the keys: whoever has another one is counted apart
 */
export function rateLimit(
  { pool, ready }: Pick<Database, 'pool' | 'ready'>,
  limits: Limits,
  prefix = '',
): RateLimit & AttemptLimit {
  const counter = openCounter(pool)
  const exceeded = new LRUCache<string, true>({ max: MOST_KNOWN })
  let counts = 0

  const keysOf = (subject: RateLimitSubject) =>
    SIDES.flatMap((side) => {
      const name = limits[side] === 0 ? null : nameOf(side, subject)
      return name === null ? [] : [{ key: `${prefix}${side}:${name}`, limit: limits[side] }]
    })

  function exceed(key: string, forMs: number): void {
    exceeded.set(key, true, { ttl: Math.min(Math.max(1, forMs), KNOWN_MS) })
  }

  async function isExceeded(subject: RateLimitSubject): Promise<boolean> {
    const keys = keysOf(subject)
    if (keys.length === 0) return false
    if (keys.some(({ key }) => exceeded.has(key))) return true
    const values = [keys.map(({ key }) => key), Date.now()]
    const { rows } = await pool.query({ name: 'read-failures', text: READ, values })
    const over = rows.filter((row) => keys.some(({ key, limit }) => row.key === key && row.points >= limit))
    for (const { key, expire } of over) exceed(key, expire - Date.now())
    return over.length > 0
  }

  /** Whether that was within the limits. */
  async function count(subject: RateLimitSubject): Promise<boolean> {
    const within = await Promise.all(
      keysOf(subject).map(async ({ key, limit }) => {
        const { consumedPoints, msBeforeNext } = await counter.penalty(key)
        if (consumedPoints >= limit) exceed(key, msBeforeNext)
        return consumedPoints <= limit
      }),
    )
    if (++counts % SWEEP_EVERY === 0) await pool.query(SWEEP, [Date.now(), SWEEP_ROWS])
    return within.every(Boolean)
  }

  return {
    isExceeded,
    isClientExceeded: (client) => keysOf({ person: null, client, provider: null }).some(({ key }) => exceeded.has(key)),
    penalize: async (subject) => void (await count(subject)),
    async consume(subject) {
      await ready()
      return !(await isExceeded(subject)) && (await count(subject))
    },
    async refund(subject) {
      await Promise.all(keysOf(subject).map(({ key }) => counter.reward(key)))
      for (const { key } of keysOf(subject)) exceeded.delete(key)
    },
  }
}

function openCounter(pool: pg.Pool): RateLimiterPostgres {
  return new RateLimiterPostgres({
    storeClient: pool,
    storeType: 'pool',
    tableName: 'failed_sign_in',
    tableCreated: true,
    // Its own sweep deletes everything at once, which after a flood takes longer than a statement may.
    clearExpiredByTimeout: false,
    keyPrefix: '',
    // It only counts: what is too many depends on the side.
    points: Number.MAX_SAFE_INTEGER,
    duration: WINDOW_S,
  })
}

/** What a failure is counted under; null: under nothing. */
function nameOf(side: Side, { person, client, provider }: RateLimitSubject): string | null {
  // Persons only as digests: what strangers type by mistake may be a password.
  if (side === 'person') return person === null ? null : digest(person)
  if (side === 'client') return client === null ? null : (networkOf(client) ?? digest(client))
  return provider
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
