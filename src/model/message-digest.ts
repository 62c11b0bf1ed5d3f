import { createHash, type Hash } from 'node:crypto'

/** What tells a message from all others, and by what people find it. */
export interface MessageDigest {
  /** SHA-256 of the message with LF for every CR LF, base64url: so a Maildir may store either. */
  readonly digest: string
  /** Its Message-ID, printable and shortened; empty when it has none. */
  readonly messageId: string
  /** Its bytes, counted like that. */
  readonly length: number
}

const CR = 13
const LF = 10
const HEAD_LIMIT = 64 * 1024
const MESSAGE_ID_LIMIT = 250
const SLICE = 64 * 1024
/** Without the CRs of a slice, and with one from before it. */
const scratch = Buffer.allocUnsafe(SLICE + 1)

/** Digests a message piece by piece. */
export class Digesting {
  readonly #hash: Hash = createHash('sha256')
  #head = ''
  #length = 0
  #endsWithCr = false
  #isHeadWhole = false

  add(piece: Buffer): void {
    for (let at = 0; at < piece.length; at += SLICE) this.#take(piece.subarray(at, at + SLICE))
  }

  #take(slice: Buffer): void {
    const bytes = this.#withLineFeeds(slice)
    this.#hash.update(bytes)
    this.#length += bytes.length
    if (!this.#isHeadWhole) this.#takeHead(bytes)
  }

  #takeHead(bytes: Buffer): void {
    this.#head += headOf(bytes)
    this.#isHeadWhole = this.#head.length >= HEAD_LIMIT || this.#head.includes('\n\n')
  }

  result(): MessageDigest {
    if (this.#endsWithCr) this.#hash.update('\r')
    const length = this.#length + Number(this.#endsWithCr)
    return { digest: this.#hash.digest('base64url'), messageId: messageIdIn(this.#head), length }
  }

  #withLineFeeds(piece: Buffer): Buffer {
    if (!this.#endsWithCr && !piece.includes(CR)) return piece
    const begin = Number(this.#endsWithCr && piece[0] !== LF)
    if (begin > 0) scratch[0] = CR
    this.#endsWithCr = piece[piece.length - 1] === CR
    const length = piece.length - Number(this.#endsWithCr)
    scratch.set(piece, begin)
    return scratch.subarray(0, withoutCrs(begin + length, begin))
  }
}

/**
 * Moves what follows each CR LF in `scratch` to where its CR was: line by line that takes half the time of byte by byte.
 * @param from where to begin
 * @returns how much is left of what ends at `end`
 */
function withoutCrs(end: number, from: number): number {
  let [kept, begun] = [from, from]
  for (let at = scratch.indexOf(CR, from); at >= 0 && at < end; at = scratch.indexOf(CR, at + 1)) {
    if (scratch[at + 1] !== LF) continue
    if (kept < begun) scratch.copyWithin(kept, begun, at)
    kept += at - begun
    begun = at + 1
  }
  if (kept < begun) scratch.copyWithin(kept, begun, end)
  return kept + end - begun
}

/** The digest of a whole message. */
export function digestOf(message: Buffer): string {
  const digesting = new Digesting()
  digesting.add(message)
  return digesting.result().digest
}

/** The header, or as much of it as is there and may be kept. */
function headOf(bytes: Buffer): string {
  const end = bytes.indexOf('\n\n')
  return bytes.toString('latin1', 0, Math.min(HEAD_LIMIT, end < 0 ? bytes.length : end + 2))
}

function messageIdIn(head: string): string {
  const end = head.indexOf('\n\n')
  const header = end < 0 ? head : head.slice(0, end)
  const found = /^message-id:\s*(\S.*)/im.exec(header)?.[1] ?? ''
  const shown = found
    .replace(/[^ -~]/g, '?')
    .trim()
    .slice(0, MESSAGE_ID_LIMIT)
  // A part of a string keeps the whole string in memory; this one is kept for long.
  return Buffer.from(shown, 'latin1').toString('latin1')
}
