import { setTimeout as wait } from 'node:timers/promises'

const WINDOW_MS = 60_000
const WINDOWS = 5
/** Longer than that no refusal is held back: it keeps a worker of Dovecot busy. */
const LONGEST_MS = 8_000

/**
 * Holds a refusal back until it has taken as long as the longest one of the last minutes. Whether OLD was asked, a
 * hash computed, or nobody of that name exists, is then not to be seen from the time of the answer.
 */
export class EvenTime {
  // Longest refusals by minute, the running one first.
  #longest: number[] = []
  #windowEnds = 0

  /** Whether there is no refusal yet that others could be as long as. */
  get isUnknown(): boolean {
    this.#turn()
    return this.#longest.every((longest) => longest === 0)
  }

  /** Resolves when a refusal whose question came at `startedAt` (performance.now) may be given. */
  async hold(startedAt: number, signal: AbortSignal): Promise<void> {
    const taken = performance.now() - startedAt
    this.#turn()
    this.#longest[0] = Math.min(Math.max(taken, this.#longest[0] ?? 0), LONGEST_MS)
    const missing = Math.max(...this.#longest) - taken
    if (missing > 0) await wait(missing, undefined, { signal }).catch(() => undefined)
  }

  #turn(): void {
    const now = performance.now()
    if (now < this.#windowEnds) return
    const passed = 1 + Math.floor((now - this.#windowEnds) / WINDOW_MS)
    this.#longest = [...Array(Math.min(passed, WINDOWS)).fill(0), ...this.#longest].slice(0, WINDOWS)
    this.#windowEnds = now + WINDOW_MS
  }
}
