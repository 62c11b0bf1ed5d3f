import { type BulkheadPolicy, bulkhead } from 'cockatiel'
import type { Provider } from '../model/provider.ts'
import type { Old, OldAnswer } from './ports.ts'

const QUEUE_LENGTH = 10_000
/** Waiting for a place and asking (15 s) together stay below what Dovecot gives us (40 s). */
const QUEUE_LIMIT_MS = 15_000

const BUSY: OldAnswer = { kind: 'trouble', code: 'old-busy', cause: 'all connections to OLD are in use' }

/** OLD with no more questions at a time than the provider allows connections; the others wait in turn, not for ever. */
export function boundOld(old: Old, queueLimitMs = QUEUE_LIMIT_MS): Old {
  const places = new Map<string, BulkheadPolicy>()

  function placesAt({ name, maxConnections }: Provider): BulkheadPolicy {
    const key = `${name} ${maxConnections}`
    const known = places.get(key) ?? bulkhead(maxConnections, QUEUE_LENGTH)
    places.set(key, known)
    return known
  }

  return {
    async ask(provider, username, password) {
      const waiting = new AbortController()
      const asked = placesAt(provider)
        .execute(async () => {
          if (waiting.signal.aborted) return BUSY
          waiting.abort()
          return await old.ask(provider, username, password)
        })
        .catch(() => BUSY)
      return (await placeIn(queueLimitMs, waiting)) ? await asked : BUSY
    },
  }
}

/** Whether the question got its place (which aborts `waiting`) in time; if not, it gives the place up. */
function placeIn(limitMs: number, waiting: AbortController): Promise<boolean> {
  if (waiting.signal.aborted) return Promise.resolve(true)
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false)
      waiting.abort()
    }, limitMs)
    waiting.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
