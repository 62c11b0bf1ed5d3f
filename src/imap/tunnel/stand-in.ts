import { randomBytes } from 'node:crypto'
import type { Aside, AsideMessage, StandingIn } from '../../copying/ports.ts'

/** So much of a message is its header at most. */
const HEAD_LIMIT = 64 * 1024
const TOKEN_BYTES = 16
/** imapc takes a server for dead that says nothing for five minutes (imapc_cmd_timeout). */
const SIGN_OF_LIFE_MS = 60_000
const SIGN_OF_LIFE = Buffer.from('* OK still coming\r\n')

/**
 * A FETCH response of a large message on its way to a program: the message goes aside, and the program is told a response
 * with the same header and one line instead of the rest.
 */
export class StandIn {
  readonly #aside: Aside
  readonly #standingIn: Omit<StandingIn, 'token' | 'bytes'>
  readonly #token = randomBytes(TOKEN_BYTES).toString('hex')
  /** Up to where the message begins. */
  #line: string | null = null
  /** Bytes of it that are still to come. */
  #left = 0
  /** How it begins, until its header is whole. */
  #head = Buffer.alloc(0)
  #message: AsideMessage | null = null
  #text = ''
  #isWhole = false
  readonly #now: () => number
  #toldAt: number

  /** @param now in milliseconds */
  constructor(aside: Aside, standingIn: Omit<StandingIn, 'token' | 'bytes'>, now = () => performance.now()) {
    this.#aside = aside
    this.#standingIn = standingIn
    this.#now = now
    this.#toldAt = now()
  }

  /**
   * @param part of the response; the first one begins with its whole first line
   * @param pause called when what comes next should wait
   * @returns what the program is told of it
   */
  take(part: Buffer, pause: () => void): Buffer[] {
    const rest = this.#line === null ? this.#begin(part) : part
    const literal = rest.subarray(0, this.#left)
    this.#left -= literal.length
    const mayGoOn = literal.length === 0 || this.#keep(literal)
    if (this.#left > 0) {
      if (!mayGoOn) pause()
      return this.#signOfLife()
    }
    const after = rest.subarray(literal.length)
    if (this.#isWhole) return [after]
    this.#isWhole = true
    this.#message?.end()
    return [Buffer.from(`${this.#line}{${this.#text.length}}\r\n${this.#text}`, 'latin1'), after]
  }

  #signOfLife(): Buffer[] {
    if (this.#now() - this.#toldAt < SIGN_OF_LIFE_MS) return []
    this.#toldAt = this.#now()
    return [SIGN_OF_LIFE]
  }

  /** What is not whole by now will never be. */
  abandon(): void {
    if (!this.#isWhole) this.#message?.abandon()
  }

  #begin(part: Buffer): Buffer {
    const end = part.indexOf('\n') + 1
    const line = part.toString('latin1', 0, end).trimEnd()
    this.#line = line.slice(0, line.lastIndexOf('{'))
    this.#left = Number(line.slice(this.#line.length + 1, -1))
    return part.subarray(end)
  }

  #keep(literal: Buffer): boolean {
    if (this.#message !== null) return this.#message.write(literal)
    this.#head = Buffer.concat([this.#head, literal])
    const end = endOfHeader(this.#head)
    if (end === null && this.#head.length < HEAD_LIMIT && this.#left > 0) return true
    this.#text = `${headerOf(this.#head, end)}${this.#token}\r\n`
    const bytes = this.#text.replaceAll('\r\n', '\n').length
    this.#message = this.#aside.open({ token: this.#token, bytes, ...this.#standingIn })
    const head = this.#head
    this.#head = Buffer.alloc(0)
    return this.#message.write(head)
  }
}

/** Behind the empty line; null: it is not there. */
function endOfHeader(head: Buffer): number | null {
  const ends = [head.indexOf('\n\r\n') + 3, head.indexOf('\n\n') + 2].filter((at) => at > 2)
  return ends.length === 0 ? null : Math.min(...ends)
}

/** One without an end is cut at the end of a line. */
function headerOf(head: Buffer, end: number | null): string {
  return head.toString('latin1', 0, end ?? head.subarray(0, HEAD_LIMIT).lastIndexOf('\n') + 1)
}
