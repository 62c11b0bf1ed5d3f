import { type Difference, type Kind, noCounts } from '../model/ledger.ts'
import type { MessageDigest } from '../model/message-digest.ts'
import type { UidSet } from '../model/uid-set.ts'
import type { DestinationMessage, SourceMessage, SyncState, UnlistedMessage } from './ports.ts'

/** A message of the source that was read, now or before. */
export type DigestedMessage = SourceMessage & MessageDigest

/** What is known from before of one folder's messages. */
export interface Evidence {
  readonly proved: UidSet
  readonly accepted: Pick<UidSet, 'has'>
  /** How many without a UID are accepted. */
  readonly acceptedUnlisted: number
  /** Null: the engine remembers nothing of the folder. */
  readonly syncState: SyncState | null
}

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
  readonly #remark: (difference: Difference) => void

  constructor(name: string, directory: string, evidence: Evidence, remark: (difference: Difference) => void) {
    this.name = name
    this.directory = directory
    this.evidence = evidence
    this.#remark = remark
  }

  tell(kind: Kind, message: SourceMessage & { messageId?: string }, old: string, now: string) {
    const { uid, size, date, messageId = '' } = message
    const isAccepted = this.evidence.accepted.has(uid)
    if (isAccepted) this.accepted.add(uid)
    else if (kind === 'lost') this.lost.add(uid)
    const received = Number.isNaN(date) ? null : new Date(date * 1000)
    this.#add(isAccepted ? 'accepted' : kind, { uid, size, messageId, date: received, old, now })
  }

  tellUnlisted({ uid, remark }: UnlistedMessage): void {
    const { accepted, acceptedUnlisted } = this.evidence
    const isAccepted = uid === null ? this.acceptedUnlisted < acceptedUnlisted : accepted.has(uid)
    if (isAccepted && uid === null) this.acceptedUnlisted++
    else if (isAccepted && uid !== null) this.accepted.add(uid)
    const kind = isAccepted ? 'accepted' : 'unreadable'
    this.#add(kind, { uid, size: 0, messageId: '', date: null, old: remark, now: 'unknown' })
  }

  #add(kind: Kind, difference: Omit<Difference, 'kind' | 'folder'>): void {
    this.counts[kind]++
    this.#remark({ kind, folder: this.name, ...difference })
  }
}

/** What could not be paired within a folder. */
export interface Leftovers {
  readonly atSource: readonly DigestedMessage[]
  readonly onNew: readonly DestinationMessage[]
  /** Of these on the destination, second copies of what the source's folder has. */
  readonly duplicated: number
}

/** Pairs a folder's messages as multisets by digest; of several with the same bytes, exact twins find each other. */
export function pairMessages(
  old: readonly DigestedMessage[],
  now: readonly DestinationMessage[],
  findings: FolderFindings,
): Leftovers {
  const left = Map.groupBy(now, ({ digest }) => digest)
  const paired = (message: DigestedMessage, isTwin: (twin: DestinationMessage) => boolean): boolean => {
    const twins = left.get(message.digest) ?? []
    const [twin] = twins.splice(twins.findIndex(isTwin) >>> 0, 1)
    if (twin === undefined) return false
    findings.found.add(message.uid)
    judgePair(message, twin, findings)
    return true
  }
  const unlike = old.filter((one) => !paired(one, (twin) => sameDate(one, twin) && one.flags === twin.flags))
  const undated = unlike.filter((one) => !paired(one, (twin) => sameDate(one, twin)))
  const atSource = undated.filter((one) => !paired(one, () => true))
  const digests = new Set(old.map(({ digest }) => digest))
  const onNew = [...left.values()].flat()
  return { atSource, onNew, duplicated: onNew.filter(({ digest }) => digests.has(digest)).length }
}

function judgePair(old: DigestedMessage, now: DestinationMessage, findings: FolderFindings): void {
  if (!sameDate(old, now)) findings.tell('date', old, dateText(old.date), dateText(now.date))
  if (old.flags === now.flags) return
  const { proved, syncState } = findings.evidence
  // What the engine delivered last is what the source has: so the other flags were set on the destination.
  const delivered = syncState?.flagsOf.get(old.uid)
  const known = delivered === undefined ? proved.has(old.uid) : delivered === old.flags
  findings.tell(known ? 'reflagged' : 'flags', old, flagText(old.flags), flagText(now.flags))
}

/** A date that source cannot tell differs from none. */
function sameDate(old: SourceMessage, now: DestinationMessage): boolean {
  return Number.isNaN(old.date) || old.date === now.date
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
