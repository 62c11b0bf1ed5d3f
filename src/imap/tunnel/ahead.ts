/** So long an answer stands in for one that would be asked for now. */
const FRESH_MS = 10_000

/** Who hears an answer. */
interface Claim {
  /** Of their command; null: they have sent none, and hear nothing of its end. */
  readonly tag: string | null
  hear(part: Buffer): void
}

/** `lasting`: it may be claimed again; `bodies`: of messages themselves. */
export type Kind = 'once' | 'lasting' | 'bodies'

/** The answer to a command that a program is about to send, asked for before it does. */
export class Ahead {
  readonly tag: string
  readonly text: string
  readonly kind: Kind
  readonly #claims: Claim[] = []
  /** For whoever claims it. */
  #parts: Buffer[] = []
  #bytes = 0
  /** Which of the parts is the last line. */
  #end = -1
  #wholeAt: number | null = null

  constructor(tag: string, text: string, kind: Kind = 'once') {
    this.tag = tag
    this.text = text
    this.kind = kind
  }

  get isFresh(): boolean {
    return this.#wholeAt === null || performance.now() - this.#wholeAt < FRESH_MS
  }

  get isClaimed(): boolean {
    return this.#claims.length > 0
  }

  /** What lies here for whoever claims it. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whole lines, and parts of literals. */
  add(part: Buffer): void {
    for (const { hear } of this.#claims) hear(part)
    this.#keep(part)
  }

  /** @param line with the tag */
  end(line: Buffer): void {
    this.#wholeAt = performance.now()
    for (const claim of this.#claims) this.#tellEnd(line, claim)
    this.#end = this.#parts.length
    this.#keep(line)
  }

  claim(claim: Claim): void {
    for (const [at, part] of this.#parts.entries()) {
      if (at === this.#end) this.#tellEnd(part, claim)
      else claim.hear(part)
    }
    this.#claims.push(claim)
    if (this.kind === 'lasting') return
    this.#parts = []
    this.#bytes = 0
  }

  #tellEnd(line: Buffer, { tag, hear }: Claim): void {
    if (tag !== null) hear(Buffer.concat([Buffer.from(tag), line.subarray(this.tag.length)]))
  }

  #keep(part: Buffer): void {
    if (this.isClaimed && this.kind !== 'lasting') return
    // A chunk of the source's is larger than what is kept of it.
    this.#parts.push(Buffer.from(part))
    this.#bytes += part.length
  }
}
