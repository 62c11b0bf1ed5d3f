/** A port that is closed on purpose stays so for longer than a server takes to start again. */
const PATIENCE_MS = 60_000
/** A firewall takes long to say nothing. */
const KNOWN_MS = 10 * 60_000

interface Silence {
  readonly since: number
  readonly at: number
}

/** Of ports at which nobody answers, neither with a yes nor with a no: whether a server is away, or a firewall is there. */
export class Silences {
  readonly #silences = new Map<string, Silence>()
  readonly #answered = new Set<string>()

  answered(place: string): void {
    this.#silences.delete(place)
    this.#answered.add(place)
  }

  /** Somebody has answered there before. */
  hasAnswered(place: string): boolean {
    return this.#answered.has(place)
  }

  silent(place: string, now = Date.now()): void {
    this.#silences.set(place, { since: this.#silences.get(place)?.since ?? now, at: now })
  }

  /** Nobody has answered ever, also not a while later. */
  isEmpty(place: string): boolean {
    const { since, at } = this.#silences.get(place) ?? { since: 0, at: 0 }
    return !this.hasAnswered(place) && at - since >= PATIENCE_MS
  }

  /** The same, and nobody has to look again. */
  isKnownEmpty(place: string, now = Date.now()): boolean {
    return this.isEmpty(place) && now - (this.#silences.get(place)?.at ?? 0) < KNOWN_MS
  }
}
