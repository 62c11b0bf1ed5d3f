import type { Credential } from '../keys/ports.ts'
import type { Job, MeterSource, SourceBytes } from './ports.ts'

export interface DayBytesDeps {
  readonly sourceBytes: SourceBytes
  readonly meterSource: MeterSource
  now(): Date
}

const SAVE_MS = 5_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Clocks differ. */
const AFTER_MIDNIGHT_MS = 60_000

/** Counts what one job reads at the source, and tells when the provider's bytes of the day are used up. */
export class DayBytes implements AsyncDisposable {
  readonly #deps: DayBytesDeps
  readonly #migrationId: string
  readonly #meter: Disposable
  readonly #timer: NodeJS.Timeout
  readonly #spent = new AbortController()
  #left: number
  #unsaved = 0

  private constructor({ migrationId, order }: Job, credential: Credential, deps: DayBytesDeps, left: number) {
    this.#deps = deps
    this.#migrationId = migrationId
    this.#left = left
    this.#meter = deps.meterSource(order.provider, credential, (bytes) => this.take(bytes))
    this.#timer = setInterval(() => this.#save(), SAVE_MS)
    this.take(0)
  }

  static async open(job: Job, credential: Credential, deps: DayBytesDeps): Promise<DayBytes> {
    const { dailyBytes } = job.order.provider
    const left = dailyBytes === null ? Number.POSITIVE_INFINITY : dailyBytes - (await read(job, deps))
    return new DayBytes(job, credential, deps, left)
  }

  /** Aborted with an Interruption when there is nothing left of the day: what is under way may end. */
  get spent(): AbortSignal {
    return this.#spent.signal
  }

  /** Until the next day, in milliseconds. */
  get waitMs(): number {
    return DAY_MS - (this.#deps.now().getTime() % DAY_MS) + AFTER_MIDNIGHT_MS
  }

  /** So many bytes were read. */
  take(bytes: number): void {
    this.#unsaved += bytes
    this.#left -= bytes
    if (this.#left <= 0 && !this.spent.aborted) this.#spent.abort('old-spent')
  }

  async #save(): Promise<void> {
    const bytes = this.#unsaved
    if (bytes === 0) return
    this.#unsaved = 0
    try {
      await this.#deps.sourceBytes.add(this.#migrationId, bytes)
    } catch {
      // The database is away: the next time tells it.
      this.#unsaved += bytes
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#meter[Symbol.dispose]()
    await this.#save()
  }
}

async function read({ migrationId }: Job, { sourceBytes }: DayBytesDeps): Promise<number> {
  return await sourceBytes.today(migrationId)
}
