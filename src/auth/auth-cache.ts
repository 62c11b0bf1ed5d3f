import { LRUCache } from 'lru-cache'
import { MISMATCH, type Ok, type Verdict } from '../model/verdict.ts'
import { AccountChanges } from './account-changes.ts'
import { YesByAccount } from './yes-by-account.ts'

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
  readonly #positive: YesByAccount | null
  readonly #negative: LRUCache<string, true> | null
  readonly #isListening: () => boolean
  readonly #changes = new AccountChanges()

  /** @param isListening whether changes are heard of; while they are not, nothing is remembered */
  constructor({ ttlMs, negativeTtlMs }: Ttl, isListening: () => boolean) {
    const limits = { max: MOST, ttlResolution: CLOCK_MS }
    this.#positive = ttlMs === 0 ? null : new YesByAccount({ ...limits, ttl: ttlMs })
    this.#negative = negativeTtlMs === 0 ? null : new LRUCache({ ...limits, ttl: negativeTtlMs })
    this.#isListening = isListening
  }

  get(login: string): Verdict | undefined {
    if (!this.#isListening()) return undefined
    return this.#positive?.get(login) ?? (this.#negative?.has(login) ? MISMATCH : undefined)
  }

  /**
   * Returns what to call with the verdict on a login that is decided from now on. Any change meanwhile makes a no void, and one
   * of its account a yes.
   */
  recorder(login: string): (verdict: Verdict) => void {
    const before = this.#changes.count
    const wasListening = this.#isListening()
    return (verdict) => {
      if (!wasListening || !this.#isListening()) return
      if (verdict.verdict === 'mismatch' && this.#changes.count === before) this.#negative?.set(login, true)
      if (verdict.verdict !== 'ok' || verdict.isProvisional) return
      if (!this.#changes.has(verdict.account.address, before)) this.#positive?.set(login, verdict)
    }
  }

  /**
   * Returns what to call with a yes that says more than the remembered one which it is made of. Where that is not remembered
   * any more, or its account has changed meanwhile, it is void.
   */
  refiner(login: string): (from: Ok, to: Ok) => void {
    const before = this.#changes.count
    return (from, to) => {
      if (!this.#isListening() || this.#changes.has(from.account.address, before)) return
      if (this.#positive?.get(login) === from) this.#positive.set(login, to, { noUpdateTTL: true })
    }
  }

  /** Forgets each no, and each yes about an account or with null about all. */
  forget(address: string | null): void {
    this.#changes.note(address)
    // Clearing takes as long as if it were full.
    if ((this.#negative?.size ?? 0) > 0) this.#negative?.clear()
    if (address === null) this.#positive?.clear()
    else this.#positive?.forget(address)
  }
}
