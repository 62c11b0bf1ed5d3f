/** What a server says that does not speak ManageSieve, or too much of it. */
export class NoSieve extends Error {}

/** A word of a line: an atom or a bracket, or a string as its bytes. */
export type Word = string | Buffer

/** What a command was answered with: the lines before its end, and the end itself. */
export interface Answer {
  readonly lines: readonly (readonly Word[])[]
  readonly status: 'OK' | 'NO' | 'BYE'
  /** The words of the end. It may hold anything. */
  readonly said: readonly Word[]
}

const LINE_LIMIT = 64 * 1024
const LINES_LIMIT = 1_000
const LITERAL = /\{(\d{1,9})\+?\}$/
const WORDS = /"((?:[^"\\]|\\.)*)"|[()]|[^\s()"]+/gs
const STATUS = /^(OK|NO|BYE)$/i

/** Reads the answers of RFC 5804, section 4. */
export class Responses {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Lets go of the connection: somebody else reads what comes next. */
  async release(): Promise<void> {
    await this.#chunks.return?.()
  }

  /** Whether more has come than was asked for. */
  get isAhead(): boolean {
    return this.#rest.length > 0
  }

  /** @throws NoSieve, or an error of the connection */
  async answer(): Promise<Answer> {
    const lines: Word[][] = []
    for (;;) {
      const line = await this.#line()
      const [first = ''] = line
      const status = typeof first === 'string' && STATUS.test(first) ? first.toUpperCase() : null
      if (first === '*') throw new NoSieve('an IMAP server is there')
      if (status !== null) return { lines, status: status as Answer['status'], said: line.slice(1) }
      if (lines.push(line) > LINES_LIMIT) throw new NoSieve('more than a ManageSieve server says here')
    }
  }

  async #line(): Promise<Word[]> {
    const words: Word[] = []
    for (;;) {
      const text = (await this.#upToLineEnd()).toString('latin1')
      const size = LITERAL.exec(text)
      words.push(...wordsIn(size === null ? text : text.slice(0, size.index)))
      if (size === null) return words
      words.push(await this.#take(Number(size[1])))
    }
  }

  async #upToLineEnd(): Promise<Buffer> {
    let end = this.#rest.indexOf('\r\n')
    while (end < 0) {
      if (this.#rest.length > LINE_LIMIT) throw new NoSieve('a line longer than a ManageSieve server writes')
      await this.#more()
      end = this.#rest.indexOf('\r\n')
    }
    const line = this.#rest.subarray(0, end)
    this.#rest = this.#rest.subarray(end + 2)
    return line
  }

  async #take(size: number): Promise<Buffer> {
    const pieces = [this.#rest]
    let length = this.#rest.length
    while (length < size) {
      const piece = await this.#next()
      pieces.push(piece)
      length += piece.length
    }
    const all = Buffer.concat(pieces)
    this.#rest = all.subarray(size)
    return all.subarray(0, size)
  }

  async #more(): Promise<void> {
    this.#rest = Buffer.concat([this.#rest, await this.#next()])
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next()
    if (done) throw new Error('the server closed the connection without an answer')
    return value
  }
}

function wordsIn(text: string): Word[] {
  return [...text.matchAll(WORDS)].map(([word, quoted]) =>
    quoted === undefined ? word : Buffer.from(quoted.replace(/\\(.)/gs, '$1'), 'latin1'),
  )
}
