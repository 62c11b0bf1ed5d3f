export interface HeldPerson {
  readonly hold: string
  readonly address: string
}

/** What a service tells a flip: that no answer of before its hold is on its way any more. */
export interface Holds {
  /** The holds that this service has not confirmed yet. */
  unconfirmed(): Promise<HeldPerson[]>
  confirm(holds: readonly HeldPerson[]): Promise<void>
}

/** A route that was read longer ago than this is no answer any more: a flip counts on a service that stands still being gone. */
const STALE_MS = 10_000

/** A route was read, and too long ago. */
class StaleRoute extends Error {}

/** The reads of routes that are under way in this service, each of which becomes an answer at once. */
export class RouteReads {
  readonly #reading = new Set<Promise<unknown>>()
  readonly #now: () => number

  /** @param now in milliseconds, also of the time in which this process stands still */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** @throws StaleRoute */
  async read<T>(ask: () => Promise<T>): Promise<T> {
    const begun = this.#now()
    const reading = ask()
    this.#reading.add(reading)
    try {
      const found = await reading
      if (this.#now() - begun > STALE_MS) throw new StaleRoute('the route was read too long ago')
      return found
    } finally {
      this.#reading.delete(reading)
    }
  }

  /** Resolves when all that was read until now is answered. */
  async answered(): Promise<void> {
    await Promise.allSettled([...this.#reading])
    // The answers leave before this.
    await new Promise(setImmediate)
  }
}

interface Confirming {
  /** Nobody remembers any more where this person was. */
  forget(address: string): void
  onTrouble(cause: unknown): void
}

/**
 * Confirms each hold when no answer of before it is on its way any more.
 * @returns what to call when there may be a new one
 */
export function confirmHolds(reads: RouteReads, holds: Holds, { forget, onTrouble }: Confirming): () => void {
  let confirming = Promise.resolve()

  async function confirm(): Promise<void> {
    try {
      const fresh = await holds.unconfirmed()
      if (fresh.length === 0) return
      // That they were here is remembered no longer: they may be led back.
      for (const { address } of fresh) forget(address)
      await reads.answered()
      await holds.confirm(fresh)
    } catch (cause) {
      onTrouble(cause)
    }
  }

  return () => {
    confirming = confirming.then(confirm)
  }
}
