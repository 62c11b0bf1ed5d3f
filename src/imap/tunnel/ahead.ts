/** So long an answer stands in for one that would be asked for now. */
const FRESH_MS = 10_000

/** The answer to a command that a program is about to send, asked for before it does. */
export class Ahead {
  readonly tag: string
  readonly text: string
  readonly #parts: Buffer[] = []
  #wholeAt: number | null = null
  readonly #claims: ((all: Buffer) => void)[] = []

  constructor(tag: string, text: string) {
    this.tag = tag
    this.text = text
  }

  get isFresh(): boolean {
    return this.#wholeAt === null || performance.now() - this.#wholeAt < FRESH_MS
  }

  /** Tells more than it was asked for: of messages that have come or gone. */
  get tellsNews(): boolean {
    return this.#claims.length === 0 && /^\* (\d+ EXISTS|\d+ EXPUNGE|VANISHED)/im.test(`${Buffer.concat(this.#parts)}`)
  }

  add(part: Buffer): void {
    this.#parts.push(Buffer.from(part))
  }

  end(): void {
    this.#wholeAt = performance.now()
    for (const answer of this.#claims) answer(Buffer.concat(this.#parts))
  }

  /** Somebody has sent the command, with this tag; called back when the answer is whole. */
  claim(tag: string, answer: (all: Buffer) => void): void {
    const claim = (all: Buffer) => {
      const last = all.lastIndexOf('\n', all.length - 2) + 1
      const end = all.subarray(last + this.tag.length)
      answer(Buffer.concat([all.subarray(0, last), Buffer.from(tag), end]))
    }
    this.#claims.push(claim)
    if (this.#wholeAt !== null) claim(Buffer.concat(this.#parts))
  }
}
