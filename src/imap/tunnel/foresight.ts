import type { Foreseen, ForeseenMailbox } from '../../copying/ports.ts'
import type { Ahead, Kind } from './ahead.ts'
import { Visit } from './visit.ts'

/** So many mailboxes are opened before the program opens them. */
const VISITS = 16
/** Of more messages it is not sure that a program asks for all of them at once. */
const AT_ONCE = 500
/** Some servers say what comes of one FETCH before they end the one before it: so much may lie here until then. */
const MOST_BYTES = 4 * 1024 * 1024
const OPENING = /^EXAMINE ("[^"]*")$/i
const OPENS = /^EXAMINE /i
const IN_MAILBOX = /^(UID|FETCH|SEARCH|CLOSE|UNSELECT)\b/i

/** By host and port: servers that do not tell a mailbox's next UID when it is opened. doveadm asks for it, twice. */
const withoutUidNext = new Set<string>()

/** What it needs of the conversation. */
export interface Asking {
  /** Host and port. */
  readonly place: string
  readonly hasModseq: boolean
  /** Asks the source. */
  ask(text: string, kind: Kind): Ahead
  /** An answer that is known. */
  know(text: string, answer: string): Ahead
  /** Tells the program. */
  hear(part: Buffer): void
}

/**
 * What a program will ask. Of mailboxes the source is asked the same in the same order, and the program hears in its order
 * what the source says: so each answer is of the mailbox that it means. What it asks otherwise, the source is asked; and
 * if the source is in another mailbox by then, there is no answer.
 */
export class Foresight {
  readonly #asking: Asking
  /** What is of no mailbox that is open, by the command. */
  readonly #known = new Map<string, Ahead>()
  /** What it will open, and then read all of. */
  #mailboxes: readonly ForeseenMailbox[] = []
  /** Opened ahead, and not by the program yet. */
  #waiting: Visit[] = []
  /** Where the program is. */
  #here: Visit | null = null
  /** Where the source is. */
  #there: Visit | null = null
  /** Who has told what there is, once it is whole. */
  readonly #telling = new Map<string, Visit>()
  /** What it asks of each mailbox that it opens. */
  #first: string
  /** What it wants of all messages. */
  #items: string | null = null

  constructor(asking: Asking) {
    this.#asking = asking
    this.#first = `UID FETCH 1:* (FLAGS${asking.hasModseq ? ' MODSEQ' : ''})`
  }

  /** @param mailboxes in their order */
  expect(commands: readonly Foreseen[], mailboxes: readonly ForeseenMailbox[]): void {
    for (const { text, answer } of commands) {
      const { ask, know } = this.#asking
      this.#known.set(text, answer === undefined ? ask(text, 'lasting') : know(text, answer))
    }
    this.#mailboxes = [...this.#mailboxes, ...mailboxes]
    this.lookAhead()
  }

  /** What was asked ahead for a command; null: nothing. */
  answerTo(text: string): Ahead | null {
    if (/^STATUS "[^"]*" \(UIDNEXT\)$/.test(text)) withoutUidNext.add(this.#asking.place)
    if (/^UID FETCH 1:\* /.test(text)) this.#first = text
    if (OPENS.test(text) && this.#waiting[0]?.opening === text) this.#here = this.#waiting.shift() ?? null
    return this.#here?.take(text) ?? this.#knownOf(text)
  }

  #knownOf(text: string): Ahead | null {
    const answer = this.#known.get(text) ?? null
    const isElsewhere = this.#here !== null && this.#here !== this.#there
    return answer?.isFresh || isElsewhere ? answer : null
  }

  /**
   * The source is about to be asked what nobody has foreseen.
   * @returns false: it would answer of another mailbox than the program means
   */
  goesOn(text: string): boolean {
    if (OPENS.test(text)) return this.#arrive(text)
    const here = this.#here
    if (here === null) return this.#waiting.length === 0 || !IN_MAILBOX.test(text)
    if (here !== this.#there || !here.passOver(this.#asking.hear)) return false
    here.note(text)
    this.#items = here.items ?? this.#items
    return true
  }

  #arrive(opening: string): boolean {
    // The source would send all of these before it answers.
    if (this.#waiting.some(({ hasBodies }) => hasBodies)) return false
    const at = this.#mailboxes.findIndex((mailbox) => mailbox.opening === opening)
    if (this.#waiting.length > 0) this.#mailboxes = []
    else if (at >= 0) this.#mailboxes = this.#mailboxes.slice(at + 1)
    else if (this.#mailboxes[0]?.opening === null) this.#mailboxes = this.#mailboxes.slice(1)
    this.#waiting = []
    this.#here = new Visit(opening)
    this.#there = null
    return true
  }

  /** Asks what the program will ask, as far as it wants nothing more where the source is. */
  lookAhead(): void {
    if (this.#there === null && this.#here !== null) {
      this.#there = this.#here
      this.#askFirst(this.#here)
    }
    // Several at a time.
    if (this.#waiting.length > VISITS / 2) return
    for (let [next] = this.#mailboxes; next !== undefined && this.#waiting.length < VISITS; [next] = this.#mailboxes) {
      if (next.opening === null || this.#there?.isRead === false) return
      this.#mailboxes = this.#mailboxes.slice(1)
      this.#visit(next.opening, isSmall(next) ? this.#items : null)
    }
  }

  #visit(opening: string, items: string | null): void {
    const { ask } = this.#asking
    const visit = new Visit(opening)
    visit.add(ask(opening, 'once'))
    this.#askFirst(visit)
    if (items !== null) visit.addBodies(ask(`UID FETCH 1:* ${items}`, 'bodies'), items)
    this.#there = visit
    this.#waiting.push(visit)
  }

  #askFirst(visit: Visit): void {
    const { ask, place } = this.#asking
    const [, name] = OPENING.exec(visit.opening) ?? []
    if (name === undefined) return
    if (withoutUidNext.has(place)) visit.add(ask(`STATUS ${name} (UIDNEXT)`, 'lasting'))
    const first = ask(this.#first, 'once')
    visit.add(first)
    this.#telling.set(first.tag, visit)
  }

  /** @param told of the mailbox that is open when the command with this tag was answered */
  ended(tag: string, told: { readonly uids: readonly number[] | null }): void {
    this.#telling.get(tag)?.tell(told.uids)
    this.#telling.delete(tag)
  }

  /** What was asked ahead last and is not claimed: what the source says then, of its own accord, comes after it. */
  get last(): Ahead | null {
    return this.#there?.last ?? null
  }

  /** Whether the program would leave behind what was asked for it. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0 || this.#here?.hasBodies === true
  }

  /** What lies here for the program. */
  get bytes(): number {
    return [this.#here, ...this.#waiting].reduce((sum, visit) => sum + (visit?.bytes ?? 0), 0)
  }
}

/** A server that does not tell how large a mailbox is, is expected to answer one thing after the other. */
function isSmall({ messages, bytes }: ForeseenMailbox): boolean {
  return messages <= AT_ONCE && (bytes === null || bytes <= MOST_BYTES)
}
