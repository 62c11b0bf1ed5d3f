import { createHash, type Hash } from 'node:crypto'
import { LineFeeds } from './line-feeds.ts'

/** What tells a message from all others, and by what people find it. */
export interface MessageDigest {
  /** SHA-256 of the message with LF for every CR LF, base64url: so a Maildir may store either. */
  readonly digest: string
  /** Its Message-ID, printable and shortened; empty when it has none. */
  readonly messageId: string
  /** Its bytes, counted like that. */
  readonly length: number
}

const HEAD_LIMIT = 64 * 1024
const MESSAGE_ID_LIMIT = 250

/** Digests a message piece by piece. */
export class Digesting {
  readonly #hash: Hash = createHash('sha256')
  readonly #lineFeeds = new LineFeeds()
  #head = ''
  #length = 0
  #isHeadWhole = false

  add(piece: Buffer): void {
    this.#lineFeeds.add(piece, (bytes) => this.#take(bytes))
  }

  #take(bytes: Buffer): void {
    this.#hash.update(bytes)
    this.#length += bytes.length
    if (!this.#isHeadWhole) this.#takeHead(bytes)
  }

  #takeHead(bytes: Buffer): void {
    this.#head += headOf(bytes)
    this.#isHeadWhole = this.#head.length >= HEAD_LIMIT || this.#head.includes('\n\n')
  }

  result(): MessageDigest {
    this.#lineFeeds.end((bytes) => this.#take(bytes))
    return { digest: this.#hash.digest('base64url'), messageId: messageIdIn(this.#head), length: this.#length }
  }
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
