import type { MessageKey, PassedBody } from '../../copying/ports.ts'
import type { Opened } from '../../ledger/ports.ts'
import { isInbox } from '../../model/mailbox.ts'
import { Digesting } from '../../model/message-digest.ts'
import { UidSet } from '../../model/uid-set.ts'
import { isList, itemsOf, textOf } from '../read/raw.ts'
import { Roll } from '../read/roll.ts'
import { tokensIn } from './tokens.ts'

const LINE_LIMIT = 1024 * 1024
/** Of larger mailboxes the ledger asks again: what is noted is held in memory. */
const NOTED_LIMIT = 50_000

/**
 * `body`: a FETCH with a message itself; `large`: with a large one; `news`: messages have come or gone; `end`: with a tag.
 */
export type Kind = 'body' | 'large' | 'fetch' | 'news' | 'end' | 'other'

/** Who is told what has passed. */
export interface Listener {
  /** A message whose bytes have passed. */
  onBody?(body: PassedBody): void
  /** A mailbox all of whose messages were told. */
  onListing?(mailbox: string, opened: Opened): void
  /** From there on in the chunk, or in what came before it, responses are of this kind. @param large that message */
  onKind?(kind: Kind, at: number, large: MessageKey | null): void
  /** The end of the command with this tag, after `onKind`. */
  onEnd?(tag: string): void
}

interface Opening {
  /** Null: it comes as a literal. */
  readonly mailbox: string | null
}

interface Open {
  readonly mailbox: string
  readonly uidValidity: number
}

/** A response that is not whole yet. */
interface Response {
  /** With NIL for each literal. */
  text: string
  body: { readonly digesting: Digesting; readonly size: number } | null
}

/**
 * Digests the messages that pass from a source to a program that reads them, notes what the source tells of them, and
 * changes nothing on the way. What it does not understand it leaves out: then the ledger reads it.
 */
export class Overhear {
  readonly #listener: Listener
  readonly #largeBytes: number
  /** What was asked, by the tag, in the order in which it is answered: the mailbox that is to be opened, or nothing of it. */
  readonly #asked = new Map<string, Opening | null>()
  #uidValidity = 0
  #open: Open | null = null
  /** Of the mailbox that is open, or about to be; null: it was not counted. */
  #roll: Roll | null = null
  #line = ''
  #response: Response = { text: '', body: null }
  /** Bytes of a literal that are still to come. */
  #literal = 0
  /** The literal is a body's. */
  #isBody = false
  /** What follows is not understood. */
  isLost = false
  /** How much of the chunk was heard. */
  #at = 0
  #kind: Kind = 'other'

  /** @param largeBytes from how many on a message is large; default: none is */
  constructor(listener: Listener, largeBytes = Number.POSITIVE_INFINITY) {
    this.#listener = listener
    this.#largeBytes = largeBytes
  }

  /** A command's first line, as the program has sent it. */
  asked(line: string): void {
    const [tag = ''] = line.split(' ', 1)
    const [, name] = /^\S+ EXAMINE (.+)$/i.exec(line) ?? []
    this.#asked.set(tag, name === undefined ? null : { mailbox: nameIn(name) })
  }

  get #isOpening(): boolean {
    const [first] = this.#asked.values()
    return first != null
  }

  /** No answer is half heard, and all were understood. */
  get isBetween(): boolean {
    return !this.isLost && this.#literal === 0 && this.#line === '' && this.#response.text === ''
  }

  /** So many bytes have come of a line that is not whole. */
  get unfinished(): number {
    return this.isLost ? 0 : this.#line.length
  }

  /** Of the messages of the mailbox that is open; null: not all were told. */
  get uids(): number[] | null {
    return this.#roll?.uids() ?? null
  }

  /** Nothing more comes of the mailbox that is open. */
  leave(): void {
    const { mailbox, uidValidity } = this.#open ?? { mailbox: '', uidValidity: 0 }
    const roll = this.#roll
    this.#open = null
    this.#roll = null
    if (mailbox === '' || roll === null || roll.untold().length > 0) return
    const { messages, unlisted } = roll.result(roll.size)
    const isWhole = unlisted.length === 0 && messages.every(({ date }) => !Number.isNaN(date))
    if (isWhole) this.#listener.onListing?.(mailbox, { uidValidity, messages, unlisted })
  }

  /** What the source answers. */
  hear(chunk: Buffer): void {
    this.#at = 0
    for (let at = 0; at < chunk.length && !this.isLost; ) {
      if (this.#literal > 0) {
        const part = chunk.subarray(at, at + this.#literal)
        if (this.#isBody) this.#response.body?.digesting.add(part)
        this.#literal -= part.length
        at += part.length
        continue
      }
      const end = chunk.indexOf('\n', at)
      this.#line += chunk.toString('latin1', at, end < 0 ? chunk.length : end)
      at = end < 0 ? chunk.length : end + 1
      this.#at = at
      if (this.#line.length > LINE_LIMIT) this.isLost = true
      if (end >= 0) this.#takeLine()
    }
  }

  #takeLine(): void {
    const length = this.#line.length + 1
    const line = this.#line.trimEnd()
    this.#line = ''
    const [literal, size = ''] = /\{(\d+)\}$/.exec(line) ?? []
    const isFirst = this.#response.text === ''
    if (literal === undefined) {
      this.#response.text += line
      if (isFirst) this.#tellKind(kindOf(line), length)
      this.#takeResponse()
      return
    }
    this.#response.text += line.slice(0, -literal.length)
    this.#literal = Number(size)
    this.#isBody = /[ (]BODY\[\] $/i.test(this.#response.text)
    const large = this.#isBody ? this.#large : null
    const kind = large !== null ? 'large' : this.#isBody ? 'body' : kindOf(line)
    if (isFirst) this.#tellKind(kind, length, large)
    if (this.#isBody) this.#response.body = { digesting: new Digesting(), size: this.#literal }
    this.#response.text += 'NIL'
  }

  /** Null: it is not large, or nobody knows by now which it is. */
  get #large(): MessageKey | null {
    const [, uid] = /[ (]UID ([1-9]\d*) /i.exec(this.#response.text) ?? []
    if (uid === undefined || this.#open === null || this.#literal < this.#largeBytes) return null
    return { ...this.#open, uid: Number(uid) }
  }

  #tellKind(kind: Kind, length: number, large: MessageKey | null = null): void {
    if (kind === this.#kind && kind !== 'end' && kind !== 'large') return
    this.#kind = kind
    this.#listener.onKind?.(kind, this.#at - length, large)
  }

  #takeResponse(): void {
    const { text, body } = this.#response
    this.#response = { text: '', body: null }
    if (!text.startsWith('* ')) this.#takeEnd(text)
    const [, number, what = ''] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)\b/i.exec(text) ?? []
    if (number !== undefined) this.#takeNumbered(Number(number), what.toUpperCase(), text, body)
    const [, gone] = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$/i.exec(text) ?? []
    if (gone !== undefined) this.#roll?.vanish(UidSet.parse(gone))
    const [, uidValidity] = /^\* OK \[UIDVALIDITY (\d+)\]/i.exec(text) ?? []
    if (uidValidity !== undefined) this.#uidValidity = Number(uidValidity)
  }

  #takeNumbered(number: number, what: string, text: string, body: Response['body']): void {
    // The first answer to EXAMINE that counts comes before its end.
    if (what === 'EXISTS' && this.#isOpening) {
      this.leave()
      this.#roll = new Roll()
    }
    if (number > NOTED_LIMIT) this.#roll = null
    if (what === 'EXISTS') this.#roll?.exists(number)
    else if (what === 'EXPUNGE') this.#roll?.expunge(number)
    else this.#takeFetch(number, text, body)
  }

  #takeFetch(number: number, text: string, body: Response['body']): void {
    const values = tokensIn(text.slice(text.indexOf('(')))
    if (values === null) return
    const size = body === null ? [] : ['RFC822.SIZE', `${body.size}`].map((value) => ({ type: 'ATOM', value }))
    const [list] = values
    const items = isList(list) ? [...list, ...size] : []
    this.#roll?.tell(number, [null, items])
    const uid = Number(textOf(itemsOf([null, items]).get('UID')))
    if (body === null || !(uid > 0) || this.#open === null) return
    this.#listener.onBody?.({ ...this.#open, uid, size: body.size, ...body.digesting.result() })
  }

  #takeEnd(text: string): void {
    const [tag = '', status = ''] = text.split(' ', 2)
    const opening = this.#asked.get(tag)
    this.#asked.delete(tag)
    if (opening != null) {
      const { mailbox } = opening
      const isOpen = status.toUpperCase() === 'OK' && mailbox !== null && this.#uidValidity > 0
      this.#open = isOpen ? { mailbox, uidValidity: this.#uidValidity } : null
      this.#uidValidity = 0
    }
    this.#listener.onEnd?.(tag)
  }
}

function kindOf(line: string): Kind {
  if (!line.startsWith('* ')) return 'end'
  if (/^\* \d+ FETCH /i.test(line)) return 'fetch'
  return /^\* (\d+ EXISTS|\d+ EXPUNGE|VANISHED)\b/i.test(line) ? 'news' : 'other'
}

/** Null: it comes as a literal. */
function nameIn(text: string): string | null {
  if (text.startsWith('{')) return null
  const [, quoted] = /^"((?:[^"\\]|\\.)*)"/.exec(text) ?? []
  const name = quoted === undefined ? (text.split(' ', 1)[0] ?? '') : quoted.replace(/\\(.)/g, '$1')
  return isInbox(name) ? 'INBOX' : name
}
