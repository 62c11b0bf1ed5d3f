import { LRUCache } from 'lru-cache'
import { MISMATCH, type Ok, type Verdict } from '../model/verdict.ts'

const MOST = 50_000
/** How exactly lru-cache keeps time: asking the clock at each look-up costs more than the look-up. */
const CLOCK_MS = 1_000

/** How long a yes and a no are remembered; 0: not at all. */
export interface Ttl {
  readonly ttlMs: number
  readonly negativeTtlMs: number
}

/** Remembers who was let in or refused lately, by login, until what that rests on changes. */
export class AuthCache {
  readonly #positive: LRUCache<string, Ok> | null
  readonly #negative: LRUCache<string, true> | null
  readonly #isListening: () => boolean
  #changes = 0

  /** @param isListening whether changes are heard of; while they are not, nothing is remembered */
  constructor({ ttlMs, negativeTtlMs }: Ttl, isListening: () => boolean) {
    this.#positive = ttlMs === 0 ? null : new LRUCache({ max: MOST, ttl: ttlMs, ttlResolution: CLOCK_MS })
    this.#negative =
      negativeTtlMs === 0 ? null : new LRUCache({ max: MOST, ttl: negativeTtlMs, ttlResolution: CLOCK_MS })
    this.#isListening = isListening
  }

  get(login: string): Verdict | undefined {
    if (!this.#isListening()) return undefined
    return this.#positive?.get(login) ?? (this.#negative?.has(login) ? MISMATCH : undefined)
  }

  /** Returns what to call with the verdict on a login that is decided from now on; a change meanwhile makes it void. */
  recorder(login: string): (verdict: Verdict) => void {
    const before = this.#changes
    const wasListening = this.#isListening()
    return (verdict) => {
      if (!wasListening || !this.#isListening() || this.#changes !== before) return
      if (verdict.verdict === 'mismatch') this.#negative?.set(login, true)
      if (verdict.verdict === 'ok' && !verdict.isProvisional) this.#positive?.set(login, verdict)
    }
  }

  /**
   * Returns what to call with a yes that says more than the remembered one which it is made of. Where that is not remembered
   * any more, or something has changed meanwhile, it is void.
   */
  refiner(login: string): (from: Ok, to: Ok) => void {
    const before = this.#changes
    return (from, to) => {
      const isStill = this.#isListening() && this.#changes === before && this.#positive?.get(login) === from
      if (isStill) this.#positive?.set(login, to, { noUpdateTTL: true })
    }
  }

  /** Forgets each no, and each yes about an account or with null about all. */
  forget(address: string | null): void {
    this.#changes++
    this.#negative?.clear()
    if (address === null) this.#positive?.clear()
    for (const [login, { account }] of this.#positive?.entries() ?? []) {
      if (account.address === address) this.#positive?.delete(login)
    }
  }
}
