import type { Jobs, Worker } from './ports.ts'

/** So long the database need not be asked whose turn it is. */
const FRESH_MS = 200

/** From which providers the next job is claimed: as the database says, and one after the other until it is asked again. */
export class Turns {
  readonly #jobs: Pick<Jobs, 'providers'>
  readonly #worker: Worker
  readonly #until: Date | undefined
  readonly #now: () => number
  #providers: string[] = []
  #askedAt = Number.NEGATIVE_INFINITY

  /** @param until jobs that were due then; undefined: now. @param now in milliseconds */
  constructor(jobs: Pick<Jobs, 'providers'>, worker: Worker, until: Date | undefined, now = () => performance.now()) {
    this.#jobs = jobs
    this.#worker = worker
    this.#until = until
    this.#now = now
  }

  /** @returns the first that has something; null: none has */
  async first<T>(claim: (provider: string) => Promise<T | null>): Promise<T | null> {
    const isFresh = this.#now() - this.#askedAt < FRESH_MS
    const found = isFresh ? await this.#claim(claim) : null
    if (found !== null) return found
    this.#askedAt = this.#now()
    this.#providers = await this.#jobs.providers(this.#worker, this.#until)
    return await this.#claim(claim)
  }

  async #claim<T>(claim: (provider: string) => Promise<T | null>): Promise<T | null> {
    for (;;) {
      const provider = this.#providers.shift()
      if (provider === undefined) return null
      const found = await claim(provider)
      if (found === null) continue
      this.#providers.push(provider)
      return found
    }
  }
}
