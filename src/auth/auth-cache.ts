import { LRUCache } from 'lru-cache'
import type { Ok, Verdict } from '../model/verdict.ts'

const MOST = 50_000
/** How exactly lru-cache keeps time: asking the clock at each look-up costs more than the look-up. */
const CLOCK_MS = 1_000

/** Remembers refused questions by their digest for a short time, so that nobody has to decide them again. */
export class NegativeCache {
  readonly #refused: LRUCache<string, true> | null
  readonly #isTold: () => boolean
  #changes = 0

  /**
   * @param ttlMs 0: remembers nothing
   * @param isTold whether changes are heard of; while they are not, nothing is remembered
   */
  constructor(ttlMs: number, isTold = () => true) {
    this.#refused = ttlMs === 0 ? null : new LRUCache({ max: MOST, ttl: ttlMs })
    this.#isTold = isTold
  }

  has(digest: string): boolean {
    return this.#isTold() && (this.#refused?.has(digest) ?? false)
  }

  /** What to call when the question that is asked from now on is refused. */
  recorder(digest: string): () => void {
    const before = this.#changes
    const wasTold = this.#isTold()
    return () => {
      if (wasTold && this.#isTold() && this.#changes === before) this.#refused?.set(digest, true)
    }
  }

  /** Forgets everything: what it rests on is not what it was. */
  forget(): void {
    this.#changes++
    this.#refused?.clear()
  }
}

/** Remembers accepted questions by their digest, until what they rest on changes. */
export class PositiveCache {
  readonly #accepted: LRUCache<string, Ok> | null
  readonly #isTold: () => boolean
  #changes = 0

  /**
   * @param ttlMs 0: remembers nothing
   * @param isTold whether changes are heard of; while they are not, nothing is remembered
   */
  constructor(ttlMs: number, isTold: () => boolean) {
    this.#accepted = ttlMs === 0 ? null : new LRUCache({ max: MOST, ttl: ttlMs, ttlResolution: CLOCK_MS })
    this.#isTold = isTold
  }

  get(digest: string): Ok | undefined {
    return this.#isTold() ? this.#accepted?.get(digest) : undefined
  }

  /** What to call with a verdict that is decided from now on; a change in the meantime makes it forgotten at once. */
  recorder(digest: string): (verdict: Verdict) => void {
    const before = this.#changes
    const wasTold = this.#isTold()
    return (verdict) => {
      if (verdict.verdict !== 'ok' || verdict.isProvisional || !wasTold || !this.#isTold() || this.#changes !== before)
        return
      this.#accepted?.set(digest, verdict)
    }
  }

  /** Forgets an account, or with null everything. */
  forget(address: string | null): void {
    this.#changes++
    if (this.#accepted === null) return
    if (address === null) this.#accepted.clear()
    for (const [digest, { account }] of this.#accepted.entries()) {
      if (account.address === address) this.#accepted.delete(digest)
    }
  }
}
