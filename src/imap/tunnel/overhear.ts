import { Transform, type TransformCallback } from 'node:stream'
import type { PassedBody } from '../../copying/ports.ts'
import { isInbox } from '../../model/mailbox.ts'
import { Digesting } from '../../model/message-digest.ts'

const LINE_LIMIT = 1024 * 1024

interface Open {
  readonly mailbox: string
  readonly uidValidity: number
}

/** A response that is not whole yet. */
interface Response {
  /** Without its literals. */
  text: string
  body: { readonly digesting: Digesting; readonly size: number } | null
}

/**
 * Digests the messages that pass from a source to a program that reads them, and changes nothing on the way. What it does
 * not understand it leaves out: then the ledger reads it.
 */
export class Overhear {
  readonly #onBody: (body: PassedBody) => void
  /** The mailboxes that were asked to be opened, by the command's tag. */
  readonly #asked = new Map<string, string | null>()
  #uidValidity = 0
  #open: Open | null = null
  #line = ''
  #response: Response = { text: '', body: null }
  /** Bytes of a literal that are still to come. */
  #literal = 0
  #isLost = false

  constructor(onBody: (body: PassedBody) => void) {
    this.#onBody = onBody
  }

  /** A command's first line, as the program has sent it. */
  asked(line: string): void {
    const [, tag = '', name] = /^(\S+) EXAMINE (.+)$/i.exec(line) ?? []
    if (tag !== '') this.#asked.set(tag, nameIn(name ?? ''))
  }

  /** What the source answers passes through here. */
  passing(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _: BufferEncoding, done: TransformCallback) => {
        if (!this.#isLost) this.#hear(chunk)
        done(null, chunk)
      },
    })
  }

  #hear(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#literal > 0) {
        const part = chunk.subarray(at, at + this.#literal)
        // Digesting changes what it is given.
        this.#response.body?.digesting.add(Buffer.from(part))
        this.#literal -= part.length
        at += part.length
        continue
      }
      const end = chunk.indexOf('\n', at)
      this.#line += chunk.toString('latin1', at, end < 0 ? chunk.length : end)
      at = end < 0 ? chunk.length : end + 1
      if (this.#line.length > LINE_LIMIT) this.#isLost = true
      if (end >= 0) this.#takeLine()
    }
  }

  #takeLine(): void {
    const line = this.#line.trimEnd()
    this.#line = ''
    const [literal, length = ''] = /\{(\d+)\}$/.exec(line) ?? []
    this.#response.text += literal === undefined ? line : line.slice(0, -literal.length)
    this.#literal = Number(length)
    if (literal === undefined) this.#takeResponse()
    else if (/[ (]BODY\[\] $/i.test(this.#response.text)) {
      this.#response.body = { digesting: new Digesting(), size: this.#literal }
    }
  }

  #takeResponse(): void {
    const { text, body } = this.#response
    this.#response = { text: '', body: null }
    if (body !== null) this.#takeBody(text, body)
    else if (!text.startsWith('* ')) this.#takeEnd(text)
    const [, uidValidity] = /^\* OK \[UIDVALIDITY (\d+)\]/i.exec(text) ?? []
    if (uidValidity !== undefined) this.#uidValidity = Number(uidValidity)
  }

  #takeBody(text: string, { digesting, size }: NonNullable<Response['body']>): void {
    const [, uid] = /^\* \d+ FETCH \((?:.* )?UID (\d+)[ )]/i.exec(text) ?? []
    if (uid !== undefined && this.#open !== null) {
      this.#onBody({ ...this.#open, uid: Number(uid), size, ...digesting.result() })
    }
  }

  #takeEnd(text: string): void {
    const [tag = '', status = ''] = text.split(' ', 2)
    const mailbox = this.#asked.get(tag)
    if (mailbox === undefined) return
    this.#asked.delete(tag)
    const isOpen = status.toUpperCase() === 'OK' && mailbox !== null && this.#uidValidity > 0
    this.#open = isOpen ? { mailbox, uidValidity: this.#uidValidity } : null
    this.#uidValidity = 0
  }
}

/** Null: it comes as a literal. */
function nameIn(text: string): string | null {
  if (text.startsWith('{')) return null
  const [, quoted] = /^"((?:[^"\\]|\\.)*)"/.exec(text) ?? []
  const name = quoted === undefined ? (text.split(' ', 1)[0] ?? '') : quoted.replace(/\\(.)/g, '$1')
  return isInbox(name) ? 'INBOX' : name
}
