import type { Ledger, LedgerFolder } from '../model/ledger.ts'
import type { Mailbox } from '../model/mailbox.ts'
import type { MessageDigest } from '../model/message-digest.ts'
import type { Provider } from '../model/provider.ts'

/** A message as the source lists it. */
export interface SourceMessage {
  readonly uid: number
  /** RFC822.SIZE. */
  readonly size: number
  /** INTERNALDATE in whole seconds since 1970; NaN when it cannot be read. */
  readonly date: number
  /** The system flags as Maildir letters, sorted: `FRS`. */
  readonly flags: string
  /** Sorted. */
  readonly keywords: readonly string[]
}

/** A message of the destination's Maildir. */
export interface DestinationMessage extends MessageDigest {
  readonly directory: string
  /** The file's time in whole seconds since 1970. */
  readonly date: number
  readonly flags: string
  readonly keywords: readonly string[]
  /** The UID at the source, where the engine has stored the message in this directory; null: it has not. */
  readonly copyOf: number | null
}

/** A message that the source counts and does not list. */
export interface UnlistedMessage {
  /** Null: unknown. */
  readonly uid: number | null
  /** What the source says of it. */
  readonly remark: string
}

/** A mailbox that the source has opened, or why it has not. */
export type Opened =
  | {
      readonly uidValidity: number
      /** By ascending UID. */
      readonly messages: SourceMessage[]
      /** With the messages they are as many as the source counts. */
      readonly unlisted: readonly UnlistedMessage[]
    }
  | { readonly refusal: string }

/** What the source answered to a read. `gone`: it no longer has the message. */
export type Reading = { readonly uid: number } & (
  | MessageDigest
  | { readonly unreadable: string }
  | { readonly gone: true }
)

export interface SourceMail {
  /** Signs in; an aborted signal ends the connection. @throws CouldNotAsk, as all methods of the session do */
  open(provider: Provider, username: string, password: string, signal?: AbortSignal): Promise<SourceSession>
}

export interface Examining {
  /** What is known there of mailboxes that have not changed since is not asked for. */
  readonly listings: KnownListings
  /** What will be examined after it, in this order: it may be asked for at once. */
  readonly next: readonly Mailbox[]
}

/** A connection to the source that only reads. */
export interface SourceSession extends AsyncDisposable {
  /** The person's own mailboxes that hold messages, and whether the provider's patterns want each one. */
  mailboxes(): Promise<{ readonly mailbox: Mailbox; readonly wanted: boolean }[]>
  /** The names that the person has subscribed to. */
  subscribed(): Promise<ReadonlySet<string>>
  /** Opens a mailbox read-only and lists it. */
  examine(mailbox: Mailbox, how?: Examining): Promise<Opened>
  /** Reads messages of the open mailbox. @param spent aborted: no more than what is read already */
  read(messages: readonly SourceMessage[], spent?: AbortSignal): AsyncIterable<Reading>
}

export interface DestinationMail {
  /**
   * The mail of a home. Where there is none, it has no directories.
   * @param address whose it is
   * @param signal aborted: what it still reads fails
   */
  open(
    home: string,
    known: KnownFiles,
    sourceUids: EngineRecords['sourceUids'],
    address?: string,
    signal?: AbortSignal,
  ): Promise<DestinationTree>
  /** What people read for a directory. */
  titleOf(directory: string): string
}

export interface DestinationTree {
  /** The directories that hold messages; empty for the INBOX. */
  readonly directories: readonly string[]
  /** What people read for a directory. */
  titleOf(directory: string): string
  read(directory: string): Promise<DestinationMessage[]>
  /** The keywords of a directory that has room for no other; null: it has room. */
  onlyKeywords(directory: string): Promise<ReadonlySet<string> | null>
  /** What the person has subscribed to, as people read it. */
  subscribed(): Promise<ReadonlySet<string>>
  /** Missing: nothing is held open. */
  close?(): Promise<void>
}

/** Cached digests of files, by directory and by name without flags. */
export interface KnownFiles {
  of(directory: string): ReadonlyMap<string, KnownFile>
  /** Replaces what is known of the directory. */
  keep(directory: string, files: ReadonlyMap<string, KnownFile>): void
}

export interface KnownFile extends MessageDigest {
  /** Changes with everything that changes the file. */
  readonly stamp: string
}

/** Cached digests of messages of the source. */
export interface KnownMessages {
  of(mailbox: string, uidValidity: number): ReadonlyMap<number, KnownMessage>
  add(mailbox: string, uidValidity: number, messages: ReadonlyMap<number, KnownMessage>): void
  forget(mailbox: string, uidValidity: number, uids: readonly number[]): void
  /** Their size in all. */
  bytes(): number
}

/** Mailboxes of the source as they were listed. */
export interface KnownListings {
  /** @param status what the source has told of it then; null: there is none, or it was another */
  of(mailbox: string, status: string): Opened | null
  keep(mailbox: string, status: string, opened: Opened): void
}

export interface KnownMessage extends MessageDigest {
  readonly size: number
}

/** What was read of one migration's mail. It may be lost at any time: then it is read again. */
export interface DigestCache extends Disposable {
  readonly listings: KnownListings
  readonly messages: KnownMessages
  readonly files: KnownFiles
}

export interface DigestCaches {
  open(migrationId: string): DigestCache
  /** Removes a migration's cache, where this host has it. Never throws. */
  remove(migrationId: string): void
}

/** A migration, as far as it matters where folders go. */
export interface Whose {
  readonly migrationId: string
  readonly provider: Provider
  readonly isMirrored?: boolean
}

/** What an engine knows of the copies that it has made. */
export interface EngineRecords {
  /** The directory that it makes of each mailbox's name. All mailboxes of a person have to be there. */
  directoriesOf(mailboxes: readonly Mailbox[]): ReadonlyMap<string, string>
  /** The same for one person, of whom folders may have another place. Missing: nobody's have. */
  directoriesFor?(whose: Whose, mailboxes: readonly Mailbox[]): Promise<ReadonlyMap<string, string>>
  /**
   * Reads the UID at the source out of the name, without flags, of a message's file in a directory. Null: the engine has
   * not stored it there, or does not tell.
   */
  sourceUids(directory: string): (file: string) => number | null
  /** Null when it remembers nothing of the folder, or of another one that had the name. */
  syncState(migrationId: string, directory: string, uidValidity: number): SyncState | null
  /** The UIDs of a mailbox that a flip has put in its place. Null: none has, or not this mailbox. */
  flipped(migrationId: string, mailbox: string, uidValidity: number): ReadonlySet<number> | null
  /** What it has subscribed to on the destination, as people read it, because the source had. */
  subscribed(migrationId: string): ReadonlySet<string>
}

/** What an engine remembers of one folder. */
export interface SyncState {
  /** The UIDs that it has delivered, with the flags that the source had then as Maildir letters. */
  readonly flagsOf: ReadonlyMap<number, string>
  /** The keywords that it has set because the source had them then; of a message without any, nothing. */
  readonly keywordsOf: ReadonlyMap<number, readonly string[]>
  /** The highest of them, 0 without any. */
  readonly lastUid: number
}

/** Messages of one folder that the engine has delivered, and that no ledger has seen. */
export interface LostMessages {
  readonly directory: string
  readonly uidValidity: number
  readonly uids: Iterable<number>
}

/** What a new ledger continues from. */
export interface LastLedger {
  /** Null: there is none. */
  readonly takenAt: Date | null
  readonly folders: readonly LedgerFolder[]
}

/** What must still be so when a ledger is saved. */
export interface LedgerFence {
  /** When the ledger was taken that it continues from. */
  readonly after: Date | null
  /** Whose lease it was taken under; null: a person's, who locks nobody out. */
  readonly holder: string | null
}

/** `overtaken`: another was saved meanwhile. `too-late`: the lease was lost, or the migration is finished. */
export type Saved = 'saved' | 'overtaken' | 'too-late'

/** The last ledger of each migration. */
export interface Ledgers {
  /** Replaces the migration's ledger, with its row locked, if the fence still holds. */
  save(migrationId: string, ledger: Ledger, fence: LedgerFence): Promise<Saved>
  /** Null: the source and the destination were never compared. */
  find(migrationId: string): Promise<Ledger | null>
  last(migrationId: string): Promise<LastLedger>
}
