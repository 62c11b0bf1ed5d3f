import type { Credential } from '../keys/ports.ts'
import type { BytesRead } from './bytes-read.ts'
import type { Job, MeterSource } from './ports.ts'

export interface DayBytesDeps {
  readonly bytesRead: Pick<BytesRead, 'today' | 'take'>
  readonly meterSource: MeterSource
  now(): Date
}

const DAY_MS = 24 * 60 * 60 * 1000
/** Clocks differ. */
const AFTER_MIDNIGHT_MS = 60_000

/** Counts what one job reads at the source, and tells when the provider's bytes of the day are used up. */
export class DayBytes implements Disposable {
  readonly #deps: DayBytesDeps
  readonly #migrationId: string
  readonly #meter: Disposable
  readonly #spent = new AbortController()
  #left: number

  private constructor({ migrationId, order }: Job, credential: Credential, deps: DayBytesDeps, left: number) {
    this.#deps = deps
    this.#migrationId = migrationId
    this.#left = left
    this.#meter = deps.meterSource(order.provider, credential, (bytes) => this.take(bytes))
    this.take(0)
  }

  static async open(job: Job, credential: Credential, deps: DayBytesDeps): Promise<DayBytes> {
    const { dailyBytes } = job.order.provider
    const isLimited = dailyBytes !== null
    const left = isLimited ? dailyBytes - (await deps.bytesRead.today(job.migrationId)) : Number.POSITIVE_INFINITY
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
    this.#deps.bytesRead.take(this.#migrationId, bytes)
    this.#left -= bytes
    if (this.#left <= 0 && !this.spent.aborted) this.#spent.abort('old-spent')
  }

  [Symbol.dispose](): void {
    this.#meter[Symbol.dispose]()
  }
}
