import { within } from '../model/timeout.ts'
import type { Allotment, Connection, Patience, Withdrawal } from './budget.ts'

/** How long a share is kept unless its holder renews it. */
export const LEASE_MS = 30_000
/** The longest queue. */
const QUEUE_LENGTH = 10_000
/** How often a share is renewed, and how long what is not used is kept. */
const TICK_MS = 1_000
/** How often whoever waits asks whether others have given something back. */
const HUNGRY_MS = 100
/** How long whoever waits is kept waiting while the database cannot be asked. */
const OUTAGE_LIMIT_MS = 4_000
/** Connections are closed well before others may have what could not be renewed. */
const LOST_MS = LEASE_MS - 5_000
const LEAVE_LIMIT_MS = 2_000

/** Says what is kept and what is wanted; resolves with what is granted. */
export type Claim = (keep: number, want: number) => Promise<Allotment>

/**
 * What this process has of one provider's connections for one use. It keeps a few more than it needs, so that the next
 * one need not ask the database, and gives back what it has not used for a while.
 *
 * There are never more in use than the database knows of: what is given up is given up before it is told, and what is
 * granted is used after it was.
 */
export class Share {
  readonly #claim: Claim
  readonly #inUse = new Set<TakenConnection>()
  readonly #waiting = new Set<Waiter>()
  /** How many may be in use. */
  #may = 0
  /** How many the database knows of. */
  #held = 0
  /** How many the database was last told to be wanted. */
  #told = 0
  /** How many may be kept unused. */
  #spare = 0
  /** The most that were needed at a time: since the last tick, and in the tick before. */
  #peak = 0
  #peakBefore = 0
  #peakSince = 0
  #asking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #lost: NodeJS.Timeout | undefined
  /** Whether less was granted than was wanted. */
  #isShort = false
  /** Since when the database cannot be asked, and what it said; null: it could the last time. */
  #outage: { readonly since: number; readonly error: unknown } | null = null
  #isClosed = false

  constructor(claim: Claim) {
    this.#claim = claim
  }

  get running(): number {
    return this.#inUse.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** @throws what the database said, where it could not be asked meanwhile */
  async take({ limitMs, signal }: Patience): Promise<Connection | null> {
    if (this.#isClosed || signal?.aborted || this.#waiting.size >= QUEUE_LENGTH) return null
    const waiter = new Waiter(limitMs, signal, {
      onEnd: () => this.#waiting.delete(waiter),
      outage: () => this.#outage?.error,
    })
    this.#waiting.add(waiter)
    this.#deal()
    if (this.#waiting.has(waiter)) this.#ask()
    return await waiter.connection
  }

  /** Closes what is in use, and gives everything back. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lost)
    for (const waiter of this.#waiting) waiter.giveUp()
    this.#end(this.#inUse.size, 'stopped')
    this.#may = 0
    if (this.#held === 0 && this.#told === 0 && this.#asking === undefined) return
    // Where the database cannot be told, the lease ends.
    const told = (this.#asking ?? Promise.resolve()).then(() => this.#claim(0, 0)).catch(() => undefined)
    await within(LEAVE_LIMIT_MS, told).catch(() => undefined)
  }

  get #need(): number {
    return this.#inUse.size + this.#waiting.size
  }

  /** How many to keep: what is needed, and some of what was needed lately. */
  get #kept(): number {
    const spare = Math.min(Math.max(0, this.#peak - this.#need, this.#peakBefore - this.#need), this.#spare)
    return Math.max(this.#inUse.size, Math.min(this.#may, this.#need + spare))
  }

  #deal(): void {
    this.#peak = Math.max(this.#peak, this.#need)
    for (const waiter of this.#waiting) {
      if (this.#inUse.size >= this.#may) return
      const connection = new TakenConnection(() => this.#giveBack(connection))
      this.#inUse.add(connection)
      waiter.take(connection)
    }
  }

  #giveBack(connection: TakenConnection): void {
    this.#inUse.delete(connection)
    if (this.#isClosed) return
    this.#deal()
    if (this.#held > this.#kept) this.#ask()
  }

  #ask(): void {
    if (this.#isClosed || this.#asking !== undefined) return
    clearTimeout(this.#timer)
    this.#asking = this.#askNow().then((isAnswered) => {
      this.#asking = undefined
      if (!this.#isClosed) this.#goOn(isAnswered)
    })
  }

  /** Never throws; false: the database could not be asked, and what is held is held until its lease ends. */
  async #askNow(): Promise<boolean> {
    const askedAt = performance.now()
    const keep = this.#kept
    const want = Math.max(keep, this.#need)
    const impatient = [...this.#waiting].filter((waiter) => waiter.isImpatient)
    this.#may = Math.min(this.#may, keep)
    this.#told = want
    try {
      const { may, excess, most } = await this.#claim(keep, want)
      this.#outage = null
      if (this.#isClosed) return true
      this.#hold(Math.max(keep, may), askedAt)
      this.#may = may
      this.#spare = Math.floor(most / 4)
      this.#isShort = may < want
      this.#end(excess, 'stopped')
      this.#deal()
      return true
    } catch (error) {
      const { since } = this.#outage ?? { since: askedAt }
      this.#outage = { since, error }
      if (performance.now() - since >= OUTAGE_LIMIT_MS) for (const waiter of this.#waiting) waiter.giveUp()
      return false
    } finally {
      for (const waiter of impatient) waiter.giveUp()
    }
  }

  #hold(held: number, askedAt: number): void {
    this.#held = held
    clearTimeout(this.#lost)
    if (held === 0) return
    this.#lost = setTimeout(() => this.#lose(), askedAt + LOST_MS - performance.now()).unref()
  }

  #lose(): void {
    this.#may = 0
    this.#held = 0
    this.#end(this.#inUse.size, 'lost-lock')
  }

  /** Has so many of those in use closed; those that were asked to close before count. */
  #end(count: number, reason: Withdrawal): void {
    const going = [...this.#inUse].filter((connection) => !connection.isEnding)
    const ended = this.#inUse.size - going.length
    for (const connection of going.reverse().slice(0, Math.max(0, count - ended))) connection.end(reason)
  }

  #goOn(isAnswered: boolean): void {
    const isWantedLess = this.#told > Math.max(this.#kept, this.#need)
    const isBehind = this.#held > this.#kept || isWantedLess || (!this.#isShort && this.#waiting.size > 0)
    if (isAnswered && isBehind) {
      this.#ask()
      return
    }
    const now = performance.now()
    if (now - this.#peakSince >= TICK_MS) {
      this.#peakSince = now
      this.#peakBefore = this.#peak
      this.#peak = this.#need
    }
    if (this.#held === 0 && this.#need === 0 && this.#told === 0) return
    this.#timer = setTimeout(() => this.#ask(), this.#waiting.size > 0 ? HUNGRY_MS : TICK_MS)
    if (this.#waiting.size === 0) this.#timer.unref()
  }
}

class TakenConnection implements Connection {
  readonly #end = new AbortController()
  readonly #giveBack: () => void

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  get signal(): AbortSignal {
    return this.#end.signal
  }

  get isEnding(): boolean {
    return this.#end.signal.aborted
  }

  end(reason: Withdrawal): void {
    this.#end.abort(reason)
  }

  [Symbol.dispose](): void {
    this.#giveBack()
  }
}

/** A wait for a connection, until it takes too long or nobody waits any more. */
class Waiter {
  readonly connection: Promise<Connection | null>
  /** Waits for the next answer of the database only. */
  readonly isImpatient: boolean
  readonly #end: () => void
  readonly #resolve: (connection: Connection | null) => void
  readonly #reject: (outage: unknown) => void
  readonly #outage: () => unknown

  constructor(limitMs: number, signal: AbortSignal | undefined, share: { onEnd(): void; outage(): unknown }) {
    const { promise, resolve, reject } = Promise.withResolvers<Connection | null>()
    this.isImpatient = limitMs === 0
    this.connection = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#outage = share.outage
    const giveUp = () => this.giveUp()
    const timer = this.isImpatient ? undefined : setTimeout(giveUp, limitMs)
    this.#end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      share.onEnd()
    }
    signal?.addEventListener('abort', giveUp)
  }

  take(connection: Connection): void {
    this.#end()
    this.#resolve(connection)
  }

  giveUp(): void {
    this.#end()
    const outage = this.#outage()
    if (outage === undefined || this.isImpatient) this.#resolve(null)
    else this.#reject(outage)
  }
}
