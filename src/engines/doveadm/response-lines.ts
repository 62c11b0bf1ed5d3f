const LF = 0x0a

/** Cuts what an IMAP server sends into lines and the bytes of literals, which may be messages of any size. */
export class ResponseLines {
  readonly #onLine: (line: string) => void
  readonly #onPiece: (piece: Buffer) => void
  /** Of a line that is not whole yet. */
  #rest: Buffer[] = []
  /** Of a response before its literal. */
  #begun = ''
  /** Bytes of a literal that are still to come. */
  #literal = 0

  constructor(onLine: (line: string) => void, onPiece: (piece: Buffer) => void) {
    this.#onLine = onLine
    this.#onPiece = onPiece
  }

  take(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#literal > 0) {
        const part = piece.subarray(at, at + this.#literal)
        this.#literal -= part.length
        at += part.length
        this.#onPiece(part)
        continue
      }
      const end = piece.indexOf(LF, at)
      this.#rest.push(piece.subarray(at, end < 0 ? piece.length : end))
      at = end < 0 ? piece.length : end + 1
      if (end >= 0) this.#takeLine(Buffer.concat(this.#rest.splice(0)).toString('utf8').replace(/\r$/, ''))
    }
  }

  #takeLine(line: string): void {
    const [literal, length] = /\{(\d+)\}$/.exec(line) ?? []
    if (literal !== undefined) {
      this.#begun += line.slice(0, -literal.length)
      this.#literal = Number(length)
      return
    }
    const whole = this.#begun + line
    this.#begun = ''
    this.#onLine(whole)
  }
}
