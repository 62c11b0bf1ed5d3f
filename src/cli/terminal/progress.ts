import type { VerifyProgress } from '../../ledger/verify.ts'
import { count } from '../../model/count.ts'
import { Pace } from './pace.ts'
import { visible } from './text.ts'

const SHOW_MS = 200
const CLEAR = '\r\u001b[K'
const LINE_EVERY = 10_000
const LINE_MS = 10_000

/** Tells on standard error how far a long command is: in place on a terminal, else as a line now and then. */
class Progress implements Disposable {
  #shownAt = Number.NEGATIVE_INFINITY

  protected show(text: string, isLineDue: boolean): void {
    const { isTTY, columns } = process.stderr
    if (!isTTY) return void (isLineDue && process.stderr.write(`${text}\n`))
    if (performance.now() - this.#shownAt < SHOW_MS) return
    process.stderr.write(`${CLEAR}${text.slice(0, (columns || 80) - 1)}`)
    this.#shownAt = performance.now()
  }

  /** Leaves the terminal's line to whatever else is printed. */
  clear(): void {
    if (this.#shownAt > 0) process.stderr.write(CLEAR)
    this.#shownAt = Number.NEGATIVE_INFINITY
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}

/** How many of something are done, of how many where that is known. */
export class CountProgress extends Progress {
  readonly #what: string
  readonly #pace = new Pace()
  #told = 0

  constructor(what: string) {
    super()
    this.#what = what
  }

  /**
   * @param share how much of the work that is, from 0 to 1; missing: nobody knows
   * @param all of how many, where that is known exactly
   */
  tell(done: number, share?: number, all = allOf(done, share)): void {
    const isLineDue = done - this.#told >= LINE_EVERY
    if (isLineDue) this.#told = done
    this.#pace.note(done, share)
    this.show([`${count(done)}${all} ${this.#what}`, ...this.#pace.words()].join(', '), isLineDue)
  }
}

/** Of the first percent nobody knows how many there are; what is read to its end may still be worked on. */
const LEAST_SHARE = 0.01

function allOf(done: number, share = 0): string {
  return share < LEAST_SHARE || share >= 1 ? '' : ` of about ${count(Number((done / share).toPrecision(2)))}`
}

/** How far a comparison of both servers is. */
export class ComparisonProgress extends Progress {
  readonly #pace = new Pace()
  readonly #all: number | null
  #toldAt = performance.now()

  /** @param all messages that the last comparison found; null: there was none */
  constructor(all: number | null) {
    super()
    this.#all = all
  }

  tell = ({ folder, number, of, messages, fetched }: VerifyProgress): void => {
    const now = performance.now()
    const isLineDue = now - this.#toldAt >= LINE_MS
    if (isLineDue) this.#toldAt = now
    this.#pace.note(messages, this.#all === null ? undefined : Math.min(1, messages / Math.max(1, this.#all)))
    const about = this.#all === null ? '' : ` of about ${count(Math.max(this.#all, messages))}`
    const done = `${count(messages)}${about} messages (${count(fetched)} read)`
    const parts = [`folder ${number} of ${of}`, done, ...this.#pace.words()]
    this.show(`${parts.join(', ')}: ${visible(folder)}`, isLineDue)
  }
}
