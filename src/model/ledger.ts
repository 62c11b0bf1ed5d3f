import type { Code } from './verdict.ts'

/** What is not on the destination as it is at the source. */
export const FAULTS = [
  'missing',
  'lost',
  'waiting',
  'altered',
  'date',
  'flags',
  'keywords',
  'unreadable',
  'subscription',
] as const

/** What somebody did on the destination after the copy; it is told, and is no fault. */
export const CHANGES = ['moved', 'removed', 'reflagged', 'unsubscribed', 'unkept', 'accepted'] as const

/**
 * One word for what is the matter with a message of the source:
 * - `missing`: nowhere on the destination, and never was as far as anybody knows
 * - `lost`: delivered to the destination as the copying engine remembers, and seen there by no ledger: it never copies
 * it again
 * - `waiting`: arrived at the source after the last attempt; the next one brings it
 * - `altered`: on the destination with other bytes
 * - `date`, `flags`, `keywords`: the same bytes with another date, other system flags or other keywords
 * - `unreadable`: the source counts it, and does not list it or does not hand it over
 * - `subscription`: a folder is subscribed to at the source, and not on the destination
 * - `moved`: in another folder of the destination
 * - `removed`: a ledger has seen it on the destination, and it is not there any more
 * - `reflagged`: had the flags or keywords of the source on the destination, and has them no more
 * - `unsubscribed`: a folder was subscribed to on the destination, too, and is not any more
 * - `unkept`: its folder on the destination has no room for some of its keywords
 * - `accepted`: one of the above that an administrator has accepted
 */
export type Kind = (typeof FAULTS)[number] | (typeof CHANGES)[number]

export type Counts = Readonly<Record<Kind, number>>

/**
 * `missing`: the destination never had it. `unreadable`: the source does not open it. `renamed`: its messages are in
 * another folder of the destination. `removed`: a ledger has seen it.
 */
export type FolderState = 'there' | 'missing' | 'unreadable' | 'renamed' | 'removed'

/** One mailbox of the source against its directory on the destination. */
export interface LedgerFolder {
  /** In modified UTF-7, as the source lists it. */
  readonly name: string
  /** Its directory below the Maildir of the destination; empty for the INBOX. */
  readonly directory: string
  readonly state: FolderState
  /** What the source said of an unreadable folder, or what a renamed one is called on the destination. */
  readonly remark: string | null
  /** On the source. */
  readonly messages: number
  /** Of these, found on the destination byte for byte, wherever. */
  readonly proved: number
  readonly counts: Counts
  /** Messages in the directory that source's folder does not have. */
  readonly extra: number
  /** Of these, second copies of messages that source has. */
  readonly duplicated: number
  readonly uidValidity: number | null
  /** The UIDs that this or an earlier ledger has proved, as a sequence-set. */
  readonly provedUids: string
  /** The UIDs of what is lost. */
  readonly lostUids: string
  /** The UIDs whose differences an administrator has accepted; 0 is the folder's own subscription. */
  readonly acceptedUids: string
  /** How many that have no UID, because the source counts them and does not list them, were accepted. */
  readonly acceptedUnlisted: number
}

/** What is the matter with one message of the source. */
export interface Difference {
  readonly kind: Kind
  /** The source's name of the folder, in modified UTF-7. */
  readonly folder: string
  /** Null: the source counts the message, and does not even tell that; or it is about the folder. */
  readonly uid: number | null
  readonly messageId: string
  /** INTERNALDATE at the source; null when it cannot be read. */
  readonly date: Date | null
  /** RFC822.SIZE at the source; 0 when it does not tell it. */
  readonly size: number
  /** How it is at the source, and how on the destination. */
  readonly old: string
  readonly now: string
}

/**
 * `differs`: there are faults. `lost`: some of them are such that the copying engine has to forget them first.
 * `shrunk`: so much was removed on the destination that a person should look.
 */
export type LedgerCode = 'differs' | 'lost' | 'shrunk'

/** The source against the destination, message by message, at one moment. */
export interface Ledger {
  readonly takenAt: Date
  readonly seconds: number
  /** Null: clean. */
  readonly code: LedgerCode | null
  /** In the order of the source's names. */
  readonly folders: readonly LedgerFolder[]
  /** How many messages were read from the source for it; of the others the proof was kept. */
  readonly fetched: number
  /** The first thousand of each kind; the folders have the true counts. */
  readonly differences: readonly Difference[]
}

/** How many differences of one kind a ledger lists. */
export const LISTED_PER_KIND = 1_000

export interface LedgerTotal extends Pick<LedgerFolder, 'messages' | 'proved' | 'counts' | 'extra' | 'duplicated'> {
  readonly faults: number
  readonly changes: number
  /** Folders that destination never had or the source does not open. */
  readonly badFolders: number
}

export function noCounts(): Record<Kind, number> {
  return Object.fromEntries([...FAULTS, ...CHANGES].map((kind) => [kind, 0])) as Record<Kind, number>
}

/** The sums of all folders. */
export function totalOf(folders: readonly LedgerFolder[]): LedgerTotal {
  const counts = noCounts()
  const total = { messages: 0, proved: 0, extra: 0, duplicated: 0, badFolders: 0 }
  for (const folder of folders) {
    for (const kind of [...FAULTS, ...CHANGES]) counts[kind] += folder.counts[kind]
    for (const key of ['messages', 'proved', 'extra', 'duplicated'] as const) total[key] += folder[key]
    if (folder.state === 'missing' || folder.state === 'unreadable') total.badFolders++
  }
  const sum = (kinds: readonly Kind[]) => kinds.reduce((all, kind) => all + counts[kind], 0)
  return { ...total, counts, faults: sum(FAULTS), changes: sum(CHANGES) }
}

/** There is a ledger, and it was not kept. */
export class NotKept extends Error {
  /** `overtaken`: others compared the same person meanwhile, again and again; `too-late`: as `Saved`. */
  readonly reason: 'overtaken' | 'too-late'

  constructor(reason: NotKept['reason']) {
    super(NOT_KEPT[reason])
    this.reason = reason
  }
}

const NOT_KEPT = {
  overtaken: 'somebody else compares the same person all the time: try again',
  'too-late': 'the migration was finished or taken over by another worker meanwhile: its ledger stays as it was',
} as const

/** The source could not be asked, so that there is no ledger. */
export class CouldNotAsk extends Error {
  /**
   * `credential-refused`: the source says no; `no-credential`: there is none that may be opened; `endpoint-changed`:
   * this host has approved another endpoint.
   */
  readonly code: Code | 'credential-refused' | 'no-credential' | 'endpoint-changed'

  constructor(code: CouldNotAsk['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** Nobody says anything at a usual port: a server is away, or a firewall is there. */
export class Silence extends CouldNotAsk {}
