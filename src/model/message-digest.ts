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

/** Digests a message piece by piece. */
export class Digesting {
  readonly #hash: Hash = createHash('sha256')
  #head = ''
  #length = 0
  #endsWithCr = false

  /** The piece may be changed. */
  add(piece: Buffer): void {
    const bytes = this.#withLineFeeds(piece)
    this.#hash.update(bytes)
    this.#length += bytes.length
    if (this.#head.length < HEAD_LIMIT && !this.#head.includes('\n\n')) this.#head += headOf(bytes)
  }

  result(): MessageDigest {
    if (this.#endsWithCr) this.#hash.update('\r')
    const length = this.#length + Number(this.#endsWithCr)
    return { digest: this.#hash.digest('base64url'), messageId: messageIdIn(this.#head), length }
  }

  #withLineFeeds(piece: Buffer): Buffer {
    const bytes = this.#endsWithCr ? Buffer.concat([Buffer.of(CR), piece]) : piece
    let length = bytes.length
    this.#endsWithCr = bytes[length - 1] === CR
    if (this.#endsWithCr) length--
    if (!bytes.includes(CR)) return bytes.subarray(0, length)
    let kept = 0
    for (let at = 0; at < length; at++) {
      const byte = bytes[at] as number
      if (byte !== CR || bytes[at + 1] !== LF) bytes[kept++] = byte
    }
    return bytes.subarray(0, kept)
  }
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
