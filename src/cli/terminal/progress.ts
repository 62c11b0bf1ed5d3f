const SHOW_MS = 200
const LINE_EVERY = 10_000

/** Tells on standard error how far a long command is: in place on a terminal, else as a line now and then. */
export class Progress implements Disposable {
  readonly #what: string
  readonly #terminal = process.stderr.isTTY
  #shown = Number.NEGATIVE_INFINITY
  #told = 0

  constructor(what: string) {
    this.#what = what
  }

  tell(count: number, total?: number): void {
    const sentence = `${count}${total === undefined ? '' : ` of ${total}`} ${this.#what}`
    if (this.#terminal) {
      if (performance.now() - this.#shown < SHOW_MS) return
      process.stderr.write(`\r${sentence}`)
      this.#shown = performance.now()
    } else if (count - this.#told >= LINE_EVERY) {
      process.stderr.write(`${sentence}\n`)
      this.#told = count
    }
  }

  /** Leaves the terminal's line to whatever else is printed. */
  clear(): void {
    if (this.#terminal && this.#shown > 0) process.stderr.write('\r\u001b[K')
    this.#shown = Number.NEGATIVE_INFINITY
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}
