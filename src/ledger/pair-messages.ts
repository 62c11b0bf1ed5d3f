import { type Difference, type Kind, noCounts } from '../model/ledger.ts'
import { isKeyword } from '../model/mailbox.ts'
import type { MessageDigest } from '../model/message-digest.ts'
import type { UidSet } from '../model/uid-set.ts'
import type { DestinationMessage, SourceMessage, SyncState, UnlistedMessage } from './ports.ts'

/** A message of the source with its digest, which may be cached. */
export type DigestedMessage = SourceMessage & MessageDigest

/** What is known from before of one folder's messages. */
export interface Evidence {
  /** By a ledger. */
  readonly proved: UidSet
  /** What a flip has put in place since: by number and flags, and not by every byte. Null: it has put no such folder. */
  readonly flipped: ReadonlySet<number> | null
  readonly accepted: Pick<UidSet, 'has'>
  /** How many without a UID are accepted. */
  readonly acceptedUnlisted: number
  /** Null: the engine remembers nothing of the folder. */
  readonly syncState: SyncState | null
  /** The keywords of the destination's folder when it has room for no other; null: it has room. */
  readonly onlyKeywords: ReadonlySet<string> | null
}

/** The folder itself, where messages are called by their UIDs. */
const FOLDER = 0

/** A folder under comparison, and what was found out about it so far. */
export class FolderFindings {
  /** The source's name. */
  readonly name: string
  /** On the destination. */
  readonly directory: string
  readonly evidence: Evidence
  readonly counts: Record<Kind, number> = noCounts()
  /** UIDs of messages that are on the destination byte for byte. */
  readonly found = new Set<number>()
  /** UIDs of messages that are lost. */
  readonly lost = new Set<number>()
  /** UIDs with a difference that is accepted. */
  readonly accepted = new Set<number>()
  /** How many without a UID are accepted. */
  acceptedUnlisted = 0
  readonly #onDifference: (difference: Difference) => void

  constructor(name: string, directory: string, evidence: Evidence, onDifference: (difference: Difference) => void) {
    this.name = name
    this.directory = directory
    this.evidence = evidence
    this.#onDifference = onDifference
  }

  /** Adds a difference, with how the message is on both sides. */
  add(kind: Kind, message: SourceMessage & { messageId?: string }, atSource: string, onDestination: string): void {
    const { uid, size, date, messageId = '' } = message
    const isAccepted = this.evidence.accepted.has(uid)
    if (isAccepted) this.accepted.add(uid)
    else if (kind === 'lost') this.lost.add(uid)
    const received = Number.isNaN(date) ? null : new Date(date * 1000)
    const sides = { old: atSource, now: onDestination }
    this.#count(isAccepted ? 'accepted' : kind, { uid, size, messageId, date: received, ...sides })
  }

  /** @param isKept whether it was subscribed to there, because the source had */
  addSubscription(isKept: boolean): void {
    const isAccepted = this.evidence.accepted.has(FOLDER)
    if (isAccepted) this.accepted.add(FOLDER)
    const kind = isKept || isAccepted ? 'unsubscribed' : 'subscription'
    const none = { uid: null, size: 0, messageId: '', date: null }
    this.#count(kind, { ...none, old: 'subscribed to', now: 'not subscribed to' })
  }

  addUnlisted({ uid, remark }: UnlistedMessage): void {
    const { accepted, acceptedUnlisted } = this.evidence
    const isAccepted = uid === null ? this.acceptedUnlisted < acceptedUnlisted : accepted.has(uid)
    if (isAccepted && uid === null) this.acceptedUnlisted++
    else if (isAccepted && uid !== null) this.accepted.add(uid)
    const kind = isAccepted ? 'accepted' : 'unreadable'
    this.#count(kind, { uid, size: 0, messageId: '', date: null, old: remark, now: 'unknown' })
  }

  #count(kind: Kind, difference: Omit<Difference, 'kind' | 'folder'>): void {
    this.counts[kind]++
    this.#onDifference({ kind, folder: this.name, ...difference })
  }
}

/** What could not be paired within a folder. */
export interface Unpaired {
  readonly atSource: readonly DigestedMessage[]
  readonly onDestination: readonly DestinationMessage[]
  /** Of these on the destination, second copies of what the source's folder has. */
  readonly duplicated: number
}

/** Pairs a folder's messages as multisets by digest; of several with the same bytes, exact twins find each other. */
export function pairMessages(
  atSource: readonly DigestedMessage[],
  onDestination: readonly DestinationMessage[],
  findings: FolderFindings,
): Unpaired {
  const free = Map.groupBy(onDestination, ({ digest }) => digest)
  const isPaired = (message: DigestedMessage, isTwin: (twin: DestinationMessage) => boolean): boolean => {
    const twins = free.get(message.digest) ?? []
    const [twin] = twins.splice(twins.findIndex(isTwin) >>> 0, 1)
    if (twin === undefined) return false
    findings.found.add(message.uid)
    comparePair(message, twin, findings)
    return true
  }
  const isExact = (one: SourceMessage, twin: DestinationMessage) => sameDate(one, twin) && sameFlags(one, twin)
  const unlike = atSource.filter((one) => !isPaired(one, (twin) => isExact(one, twin)))
  const undated = unlike.filter((one) => !isPaired(one, (twin) => sameDate(one, twin)))
  const unpaired = undated.filter((one) => !isPaired(one, () => true))
  const digests = new Set(atSource.map(({ digest }) => digest))
  const left = [...free.values()].flat()
  return {
    atSource: unpaired,
    onDestination: left,
    duplicated: left.filter(({ digest }) => digests.has(digest)).length,
  }
}

function comparePair(source: DigestedMessage, destination: DestinationMessage, findings: FolderFindings): void {
  if (!sameDate(source, destination)) {
    findings.add('date', source, dateText(source.date), dateText(destination.date))
  }
  compareKeywords(source, destination, findings)
  if (source.flags === destination.flags) return
  const { proved, syncState } = findings.evidence
  // Flags that the source still has as the engine delivered them were changed on the destination.
  const delivered = syncState?.flagsOf.get(source.uid)
  const isReflagged = delivered === undefined ? proved.has(source.uid) : delivered === source.flags
  findings.add(isReflagged ? 'reflagged' : 'flags', source, flagText(source.flags), flagText(destination.flags))
}

/**
 * A Maildir's folder holds 26 at most, whatever Dovecot shows of others: they are in an index that may be made anew. What it
 * does not take for a keyword it holds nowhere.
 */
function compareKeywords(source: DigestedMessage, destination: DestinationMessage, findings: FolderFindings): void {
  const { onlyKeywords, syncState } = findings.evidence
  const hasRoomFor = (word: string) => onlyKeywords === null || includes([...onlyKeywords], word)
  const isKept = (word: string) => includes(destination.keywords, word) || (isKeyword(word) && hasRoomFor(word))
  const kept = source.keywords.filter(isKept)
  const [old, now] = [keywordText(source.keywords), keywordText(destination.keywords)]
  if (kept.length < source.keywords.length) findings.add('unkept', source, old, now)
  if (sameWords(kept, destination.keywords)) return
  const delivered = syncState?.keywordsOf.get(source.uid) ?? []
  findings.add(sameWords(delivered, source.keywords) ? 'reflagged' : 'keywords', source, old, now)
}

function sameFlags(source: SourceMessage, destination: DestinationMessage): boolean {
  return source.flags === destination.flags && sameWords(source.keywords, destination.keywords)
}

/** Keywords are the same in any case (RFC 9051, section 2.3.2). */
function sameWords(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((word) => includes(others, word))
}

function includes(words: readonly string[], word: string): boolean {
  return words.some((other) => other.toLowerCase() === word.toLowerCase())
}

function keywordText(words: readonly string[]): string {
  return words.length === 0 ? 'no keyword' : words.join(' ')
}

/** A date that the source does not tell is no difference. */
function sameDate(source: SourceMessage, destination: DestinationMessage): boolean {
  return Number.isNaN(source.date) || source.date === destination.date
}

const FLAG_NAMES: Readonly<Record<string, string>> = {
  D: '\\Draft',
  F: '\\Flagged',
  R: '\\Answered',
  S: '\\Seen',
  T: '\\Deleted',
}

function flagText(letters: string): string {
  return letters === '' ? 'no flag' : Array.from(letters, (letter) => FLAG_NAMES[letter] ?? letter).join(' ')
}

function dateText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
