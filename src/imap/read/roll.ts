import type { SourceMessage, UnlistedMessage } from '../../ledger/ports.ts'
import type { UidSet } from '../../model/uid-set.ts'
import { isList, itemsOf, type Token, textOf } from './raw.ts'

/** What the source has told of one message so far. */
type Told = Partial<SourceMessage>

/** No mailbox has more: a source that says so would be given the memory for them. */
const MOST = 5_000_000
const NOTHING: Told = {}

/** The messages of a mailbox as the source numbers them, from 1 (RFC 3501, section 2.3.1.2). */
export class Roll {
  readonly #told: Told[] = []

  get size(): number {
    return this.#told.length
  }

  /** @throws where there cannot be so many */
  exists(count: number): void {
    if (count > MOST) throw new Error(`the old server speaks of ${count} messages in one folder`)
    while (this.#told.length < count) this.#told.push(NOTHING)
  }

  expunge(number: number): void {
    this.#told.splice(number - 1, 1)
  }

  /** As EXPUNGE, by UID (RFC 7162, section 3.2.10): one that was not told lay between its neighbours. */
  vanish(uids: UidSet): void {
    let after = Number.POSITIVE_INFINITY
    for (let at = this.#told.length - 1; at >= 0; at--) {
      const { uid } = this.#told[at] as Told
      const before = uid ?? this.#told.findLast((told, other) => other < at && told.uid !== undefined)?.uid ?? 0
      const isGone = uid === undefined ? uids.reaches(before + 1, after - 1) : uids.has(uid)
      if (isGone) this.#told.splice(at, 1)
      after = uid ?? after
    }
  }

  /** Some is told unasked: flags alone, with a UID or without. */
  tell(number: number, values: readonly Token[]): void {
    this.exists(number)
    const items = itemsOf(values)
    const [uid, size] = [Number(textOf(items.get('UID'))), textOf(items.get('RFC822.SIZE'))]
    this.#told[number - 1] = {
      ...this.#told[number - 1],
      ...(uid > 0 && { uid }),
      ...(size !== null && { size: Number(size) }),
      ...(items.has('INTERNALDATE') && { date: secondsOf(textOf(items.get('INTERNALDATE')) ?? '') }),
      ...(items.has('FLAGS') && flagsOf(items.get('FLAGS'))),
    }
  }

  /** Null: not all were told. */
  uids(): number[] | null {
    const uids = this.#told.flatMap(({ uid }) => uid ?? [])
    return uids.length === this.#told.length ? uids : null
  }

  /** The numbers of those of which too little was told. */
  untold(): number[] {
    return this.#told.flatMap(({ uid, size }, at) => (uid === undefined || size === undefined ? [at + 1] : []))
  }

  /** @param count of so many: what came later is for another time */
  result(count: number): { messages: SourceMessage[]; unlisted: UnlistedMessage[] } {
    const messages = new Map<number, SourceMessage>()
    const unlisted: UnlistedMessage[] = []
    for (const [at, { uid, size, date = Number.NaN, flags = '', keywords = [] }] of this.#told.entries()) {
      const isAnothers = uid !== undefined && messages.has(uid)
      if (uid !== undefined && size !== undefined && !isAnothers)
        messages.set(uid, { uid, size, date, flags, keywords })
      else if (uid !== undefined && !isAnothers) unlisted.push({ uid, remark: 'listed without its size' })
      else if (at < count) unlisted.push({ uid: null, remark: `counted as number ${at + 1} of ${count}, not listed` })
    }
    return { messages: [...messages.values()].sort((a, b) => a.uid - b.uid), unlisted }
  }
}

const LETTERS: Readonly<Record<string, string>> = {
  '\\draft': 'D',
  '\\flagged': 'F',
  '\\answered': 'R',
  '\\seen': 'S',
  '\\deleted': 'T',
}

/** RFC 3501, section 9, as far as it keeps a keyword one word in commands: a hostile server may send anything as text. */
const WORD = /^[^\0-\x20\x7f(){%*"\\]+$/

function flagsOf(token: Token | undefined): Pick<SourceMessage, 'flags' | 'keywords'> {
  const all = isList(token) ? token.map((flag) => textOf(flag) ?? '') : []
  const letters = all.map((flag) => LETTERS[flag.toLowerCase()] ?? '')
  const keywords = all.filter((flag) => WORD.test(flag))
  return { flags: letters.sort().join(''), keywords: keywords.sort() }
}

/** RFC 3501's date-time: ` 1-Feb-2003 04:05:06 +0700`. */
function secondsOf(text: string): number {
  const [, day, month, year, time] = /^([ \d]?\d)-(\w{3})-(\d{4}) (.*)$/.exec(text) ?? []
  return Date.parse(`${day} ${month} ${year} ${time}`) / 1000
}
