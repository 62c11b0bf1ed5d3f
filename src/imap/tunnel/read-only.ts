import { Writable } from 'node:stream'

/** What may be asked of a source that is only read (RFC 3501 and its extensions). */
const READING = new Set(
  `CAPABILITY NOOP LOGOUT ID LOGIN AUTHENTICATE ENABLE NAMESPACE LIST LSUB STATUS EXAMINE FETCH SEARCH UNSELECT CLOSE`.split(
    ' ',
  ),
)
const QUOTED = /"(?:\\.|[^"\\])*"/g
/** At the end of a line, and in no quote that is still open (RFC 3501, section 4.3). */
const LITERAL = /^(?:[^"]|"")* \(?\{(\d+)\+?\}$/
const LINE_LIMIT = 1024 * 1024

export class WritesError extends Error {}

/** Who gets what a client sends. */
export interface Reading {
  /** Called with the first line of each command; false: it is not passed on. */
  isForSource(line: string): boolean
  /** @param isEnd of a command */
  pass(part: Buffer, isEnd: boolean): void
}

/** Passes on what a client sends, as long as it only reads. A mailbox may be examined, not selected. */
export class ReadOnly extends Writable {
  readonly #reading: Reading
  #line: Buffer = Buffer.alloc(0)
  /** Bytes of a literal that are still to come. */
  #literal = 0
  /** What the next line is; `answer`: of AUTHENTICATE, in base64. */
  #next: 'command' | 'rest' | 'answer' = 'command'
  /** What comes of this command is for nobody. */
  #isHeldBack = false

  constructor(reading: Reading) {
    super()
    this.#reading = reading
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    try {
      this.#take(chunk)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#literal > 0) {
        const part = chunk.subarray(at, at + this.#literal)
        // A server that takes it for no literal would take its lines for commands. No name or password has several.
        if (part.includes('\n')) throw new WritesError('a literal of several lines')
        this.#literal -= part.length
        at += part.length
        this.#passOn(part)
        continue
      }
      const end = chunk.indexOf('\n', at)
      const part = chunk.subarray(at, end < 0 ? chunk.length : end + 1)
      at += part.length
      this.#line = this.#line.length === 0 ? part : Buffer.concat([this.#line, part])
      if (this.#line.length > LINE_LIMIT) throw new WritesError('a line without an end')
      if (end >= 0) this.#pass()
    }
  }

  #pass(): void {
    const line = this.#line.toString('latin1').replace(/\r?\n$/, '')
    if (this.#next === 'command') {
      this.#refuseWriting(line)
      this.#isHeldBack = !this.#reading.isForSource(line)
    }
    if (this.#next === 'answer' && !/^[\w+/=*]*$/.test(line)) throw new WritesError('not an answer of SASL')
    const literal = LITERAL.exec(line.replace(QUOTED, '""'))?.[1]
    if (this.#next !== 'answer' && literal !== undefined) {
      this.#literal = Number(literal)
      this.#next = 'rest'
    } else {
      const isAsking = this.#next === 'command' && /^\S+ AUTHENTICATE \S+$/i.test(line)
      this.#next = isAsking ? 'answer' : 'command'
    }
    this.#passOn(this.#line)
    this.#line = Buffer.alloc(0)
  }

  #passOn(part: Buffer): void {
    if (!this.#isHeldBack) this.#reading.pass(part, this.#literal === 0 && this.#next === 'command')
  }

  #refuseWriting(line: string): void {
    const [, command = ''] = /^\S+ (?:UID )?(\S+)/i.exec(line) ?? []
    if (!READING.has(command.toUpperCase())) throw new WritesError(`not a command that only reads: ${command}`)
  }
}
