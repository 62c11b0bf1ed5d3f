import { setTimeout as wait } from 'node:timers/promises'

const WINDOW_MS = 60_000
const WINDOWS = 5
/** No refusal is held back for longer: it keeps a worker of Dovecot busy, and Postfix waits 10 s. */
const LONGEST_MS = 8_000

/**
 * Delays a refusal until it has taken as long as the longest one of the last minutes at its provider. The time of the
 * answer then does not tell whether the source was asked, a hash computed, or nobody of that name exists.
 */
export class FailureDelay {
  readonly #byProvider = new Map<string | null, Longest>()

  /** Whether there was no refusal lately. */
  isUnknown(provider: string | null): boolean {
    return this.#longestOf(provider) === 0
  }

  /**
   * Resolves when the refusal of a login that came at `startedAt` (performance.now) may be given.
   * @param provider null: of no provider, which is as slow as the slowest of them
   */
  async hold(provider: string | null, startedAt: number, signal: AbortSignal): Promise<void> {
    const taken = performance.now() - startedAt
    const own = this.#byProvider.get(provider) ?? new Longest()
    this.#byProvider.set(provider, own.note(taken))
    const missing = this.#longestOf(provider) - taken
    if (missing > 0) await wait(missing, undefined, { signal }).catch(() => undefined)
  }

  #longestOf(provider: string | null): number {
    const named = this.#byProvider.get(provider)
    const all = provider === null ? [...this.#byProvider.values()] : named === undefined ? [] : [named]
    return Math.max(0, ...all.map((longest) => longest.value))
  }
}

class Longest {
  // By minute, the running one first.
  #longest: number[] = []
  #windowEnds = 0

  get value(): number {
    this.#advance()
    return Math.max(0, ...this.#longest)
  }

  note(taken: number): this {
    this.#advance()
    this.#longest[0] = Math.min(Math.max(taken, this.#longest[0] ?? 0), LONGEST_MS)
    return this
  }

  #advance(): void {
    const now = performance.now()
    if (now < this.#windowEnds) return
    const passed = 1 + Math.floor((now - this.#windowEnds) / WINDOW_MS)
    this.#longest = [...Array(Math.min(passed, WINDOWS)).fill(0), ...this.#longest].slice(0, WINDOWS)
    this.#windowEnds = now + WINDOW_MS
  }
}
