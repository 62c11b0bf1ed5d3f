import type { Interruption } from '../copying/ports.ts'
import { within } from '../model/timeout.ts'
import type { Allotment, Patience, Seat } from './budget.ts'

/** How long a share is kept without a word from its holder. */
export const LEASE_MS = 30_000
/** More than that are not worth waiting for. */
const QUEUE_LENGTH = 10_000
/** A share in use is renewed, and what was not used for so long is given back. */
const TICK_MS = 1_000
/** Whoever waits for others asks so often whether they have given something back. */
const HUNGRY_MS = 100
/** Well before the others may take what could not be renewed. */
const LOST_MS = LEASE_MS - 5_000
const LEAVE_LIMIT_MS = 2_000

/** Says what is kept and what is wanted, and hears what may be had. */
export type Claim = (keep: number, want: number) => Promise<Allotment>

/**
 * What this process has of one provider's connections for one use. It holds a few more than it needs, so that the next
 * one who comes need not ask, and gives back what it has not used for a while.
 *
 * At no time are more in use than the others know of: what is wanted less is laid down before it is said, and what is
 * granted is taken up when it is heard.
 */
export class Share {
  readonly #claim: Claim
  readonly #seats = new Set<TakenSeat>()
  readonly #waiting = new Set<Waiter>()
  /** So many may be in use. */
  #may = 0
  /** So many the others know of. */
  #held = 0
  /** So many the others believe to be wanted. */
  #told = 0
  /** So many may be kept although nobody needs them. */
  #spare = 0
  /** The most that were needed at a time, since the last tick and in the time before it. */
  #peak = 0
  #peakBefore = 0
  #peakSince = 0
  #asking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #lost: NodeJS.Timeout | undefined
  /** Whether others have what is wanted here. */
  #isShort = false
  #isClosed = false

  constructor(claim: Claim) {
    this.#claim = claim
  }

  get running(): number {
    return this.#seats.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  async take({ limitMs, signal }: Patience): Promise<Seat | null> {
    if (this.#isClosed || signal?.aborted || this.#waiting.size >= QUEUE_LENGTH) return null
    const waiter = new Waiter(limitMs, signal, () => this.#waiting.delete(waiter))
    this.#waiting.add(waiter)
    this.#deal()
    if (this.#waiting.has(waiter)) this.#ask()
    return await waiter.seat
  }

  /** Ends what is in use, and gives everything back. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lost)
    for (const waiter of this.#waiting) waiter.giveUp()
    this.#end(this.#seats.size, 'stopped')
    this.#may = 0
    if (this.#held === 0 && this.#told === 0 && this.#asking === undefined) return
    // Where the others cannot be told, the lease tells them.
    const told = (this.#asking ?? Promise.resolve()).then(() => this.#claim(0, 0)).catch(() => undefined)
    await within(LEAVE_LIMIT_MS, told).catch(() => undefined)
  }

  get #need(): number {
    return this.#seats.size + this.#waiting.size
  }

  /** What is kept of what there is: what is needed, and of what was needed lately a little. */
  get #kept(): number {
    const spare = Math.min(Math.max(0, this.#peak - this.#need, this.#peakBefore - this.#need), this.#spare)
    return Math.max(this.#seats.size, Math.min(this.#may, this.#need + spare))
  }

  #deal(): void {
    this.#peak = Math.max(this.#peak, this.#need)
    for (const waiter of this.#waiting) {
      if (this.#seats.size >= this.#may) return
      const seat = new TakenSeat(() => this.#giveBack(seat))
      this.#seats.add(seat)
      waiter.take(seat)
    }
  }

  #giveBack(seat: TakenSeat): void {
    this.#seats.delete(seat)
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

  /** Never throws; false: the others could not be asked, and what is held is held until its lease ends. */
  async #askNow(): Promise<boolean> {
    const askedAt = performance.now()
    const keep = this.#kept
    const want = Math.max(keep, this.#need)
    const impatient = [...this.#waiting].filter((waiter) => waiter.isImpatient)
    this.#may = Math.min(this.#may, keep)
    this.#told = want
    try {
      const { may, excess, most } = await this.#claim(keep, want)
      if (this.#isClosed) return true
      this.#hold(Math.max(keep, may), askedAt)
      this.#may = may
      this.#spare = Math.floor(most / 4)
      this.#isShort = may < want
      this.#end(excess, 'stopped')
      this.#deal()
      return true
    } catch {
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
    this.#end(this.#seats.size, 'lost-lock')
  }

  /** Has so many of those in use closed; what was asked to close before counts. */
  #end(count: number, reason: Interruption): void {
    const going = [...this.#seats].filter((seat) => !seat.isEnding)
    const ended = this.#seats.size - going.length
    for (const seat of going.reverse().slice(0, Math.max(0, count - ended))) seat.end(reason)
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

class TakenSeat implements Seat {
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

  end(reason: Interruption): void {
    this.#end.abort(reason)
  }

  [Symbol.dispose](): void {
    this.#giveBack()
  }
}

/** Somebody who waits for a seat until that takes too long, or nobody waits any more. */
class Waiter {
  readonly seat: Promise<Seat | null>
  /** Waits only for the next answer. */
  readonly isImpatient: boolean
  readonly #settle: (seat: Seat | null) => void

  constructor(limitMs: number, signal: AbortSignal | undefined, onSettled: () => void) {
    const { promise, resolve } = Promise.withResolvers<Seat | null>()
    this.isImpatient = limitMs === 0
    this.seat = promise
    const giveUp = () => this.giveUp()
    const timer = this.isImpatient ? undefined : setTimeout(giveUp, limitMs)
    this.#settle = (seat) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      onSettled()
      resolve(seat)
    }
    signal?.addEventListener('abort', giveUp)
  }

  take(seat: Seat): void {
    this.#settle(seat)
  }

  giveUp(): void {
    this.#settle(null)
  }
}
