import { UidSet } from '../../model/uid-set.ts'
import type { Ahead } from './ahead.ts'

/** What a program asks that wants messages themselves. */
const BODIES = /^UID FETCH ([\d:,]+) (\(.*BODY\.PEEK\[\].*\))$/i

interface Asked {
  readonly uids: Pick<UidSet, 'has'>
  /** What of them. */
  readonly items: string
}

const ALL = { has: () => true }

/** A mailbox from when it is opened until another one is: what was asked ahead in it, and what the program asks. */
export class Visit {
  /** The command that opens it. */
  readonly opening: string
  /** Asked ahead and not claimed, by the command. */
  readonly #ahead = new Map<string, Ahead>()
  /** The same of its messages themselves. */
  #bodies: (Asked & { readonly answer: Ahead }) | null = null
  /** What was asked of them, by whomever. */
  readonly #asked: Asked[] = []
  /** The UIDs of its messages; null: they were not told yet. */
  #told: readonly number[] | null = null

  constructor(opening: string) {
    this.opening = opening
  }

  add(answer: Ahead): void {
    this.#ahead.set(answer.text, answer)
  }

  addBodies(answer: Ahead, items: string): void {
    const asked = { uids: ALL, items }
    this.#asked.push(asked)
    this.#bodies = { ...asked, answer }
  }

  /** A command that the source is asked now. */
  note(text: string): void {
    const [, uids, items = ''] = BODIES.exec(text) ?? []
    if (uids !== undefined) this.#asked.push({ uids: UidSet.parse(uids), items })
  }

  /** @param uids of all of its messages */
  tell(uids: readonly number[] | null): void {
    this.#told ??= uids
  }

  /** Messages themselves were asked for ahead, and are not claimed. */
  get hasBodies(): boolean {
    return this.#bodies !== null
  }

  /** All of its messages were asked for. */
  get isRead(): boolean {
    return this.#areAll(this.#asked) || this.#asked.some(({ uids }) => uids === ALL)
  }

  /** What the program wants of messages, which it asks for all at once; null: it does not, or has not yet. */
  get items(): string | null {
    const [only, ...others] = this.#asked
    return only !== undefined && others.length === 0 && this.#areAll([only]) ? only.items : null
  }

  /** What was asked ahead and is not claimed, last; null: nothing. */
  get last(): Ahead | null {
    const others = [...this.#ahead.values()].filter(({ isClaimed }) => !isClaimed)
    return this.#bodies?.answer ?? others.at(-1) ?? null
  }

  /** What lies here of it. */
  get bytes(): number {
    const some = [...this.#ahead.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    return some + (this.#bodies?.answer.bytes ?? 0)
  }

  /** What was asked ahead for a command; null: nothing. */
  take(text: string): Ahead | null {
    const answer = this.#ahead.get(text)
    if (answer === undefined) return this.#takeBodies(text)
    if (answer.kind !== 'lasting') this.#ahead.delete(text)
    return answer
  }

  #takeBodies(text: string): Ahead | null {
    const [, uids, items] = BODIES.exec(text) ?? []
    const bodies = this.#bodies
    if (bodies === null || uids === undefined || bodies.items !== items) return null
    if (!this.#areAll([{ uids: UidSet.parse(uids), items }])) return null
    this.#bodies = null
    return bodies.answer
  }

  #areAll(asked: readonly Asked[]): boolean {
    return this.#told?.every((uid) => asked.some(({ uids }) => uids.has(uid))) ?? false
  }

  /**
   * The program asks something else: what the source tells unasked, of messages that come and go, it hears nevertheless.
   * @returns false: there are messages that it has not asked for
   */
  passOver(hear: (part: Buffer) => void): boolean {
    for (const answer of this.#ahead.values()) if (!answer.isClaimed) answer.claim({ tag: null, hear })
    return this.#bodies === null
  }
}
