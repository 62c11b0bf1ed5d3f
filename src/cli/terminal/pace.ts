import { count } from '../../model/count.ts'
import { span } from '../../model/span.ts'

const WINDOW_MS = 30_000
/** After so long a pace is one. */
const LEAST_MS = 1_000

interface Note {
  readonly at: number
  readonly done: number
  readonly share: number | undefined
}

/** How fast something went lately, and how long it still takes at that pace. */
export class Pace {
  readonly #now: () => number
  #notes: Note[]

  constructor(now = () => performance.now()) {
    this.#now = now
    this.#notes = [{ at: now(), done: 0, share: 0 }]
  }

  /** @param share of all work, from 0 to 1 */
  note(done: number, share?: number): void {
    const at = this.#now()
    // One note a second will do.
    if (at - (this.#notes.at(-2)?.at ?? 0) < LEAST_MS) this.#notes.pop()
    this.#notes.push({ at, done, share })
    const within = this.#notes.findIndex((one) => at - one.at <= WINDOW_MS)
    this.#notes = this.#notes.slice(Math.max(0, within - 1))
  }

  /** The part that is done, the rate, and the time left, as far as they are known. */
  words(): string[] {
    const [first, last] = [this.#notes[0], this.#notes.at(-1)]
    if (first === undefined || last === undefined || last.at - first.at < LEAST_MS) return []
    const seconds = (last.at - first.at) / 1000
    const rate = `${count(Math.round((last.done - first.done) / seconds))}/s`
    if (last.share === undefined || first.share === undefined) return [rate]
    const perSecond = (last.share - first.share) / seconds
    const left = perSecond > 0 ? [`${span((1 - last.share) / perSecond)} left`] : []
    return [`${Math.floor(100 * last.share)} %`, rate, ...left]
  }
}
