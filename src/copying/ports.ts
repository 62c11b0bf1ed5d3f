import type { Credential } from '../keys/ports.ts'
import type { EngineRecords, KnownMessage, LostMessages, Opened, SourceMessage } from '../ledger/ports.ts'
import type { VerifyProgress } from '../ledger/verify.ts'
import type { Namespace } from '../model/account.ts'
import type { Attempt, LatestAttempt, Outcome, Result } from '../model/attempt.ts'
import type { By } from '../model/audit.ts'
import type { Mailbox, MailboxStatus } from '../model/mailbox.ts'
import type { CopyOrder, Route, State } from '../model/migration.ts'
import type { Progress } from '../model/progress.ts'
import type { EngineName, Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import type { SourceAnswer } from '../source/ports.ts'
import type { Plan } from './schedule.ts'

/** One migration, leased to a worker: no other copies it meanwhile. */
export interface Job {
  readonly migrationId: string
  readonly address: string
  readonly order: CopyOrder
  /** Null: no quota. */
  readonly quotaBytes: number | null
  readonly state: State
  /** The migration's: set while its last ledger is not clean. */
  readonly code: string | null
  /** Whether the last ledger was clean, whoever took it. */
  readonly isProved: boolean
  /** The migration is to be finished: the job makes an attempt and a ledger, whether the source has changed or not. */
  readonly isFinishRequested: boolean
  readonly sealed: Uint8Array | null
  readonly failures: number
  readonly unchangedRuns: number
  /** The source's mailboxes before the last complete attempt; null: there was none. */
  readonly seen: readonly MailboxStatus[] | null
  readonly completedAt: Date | null
  /** Whether any attempt has copied something. */
  readonly hasCopied: boolean
  /** The last outcome that stopped the migration, when no attempt was complete since: a person said "retry". */
  readonly overruled: Outcome | null
  /** Missing: the person is here. */
  readonly moving?: Moving
}

/** Who claims jobs. */
export interface Worker {
  readonly id: string
  readonly host: string
  /** The id of its copying host. */
  readonly copyingHost: string
  /** Also claims jobs of copying hosts where no worker runs. */
  readonly takesOver: boolean
  /** A person asked: jobs are claimed before they are due, and outside of their provider's window. */
  readonly early: boolean
  /** In whose name a migration is finished; missing: in the worker's own. */
  readonly by?: By | undefined
}

/** How far a person who is proxied has come. */
export interface Moving {
  readonly route: Route
  /** Somebody asked for the flip. */
  readonly isFlipRequested: boolean
  /** The person has signed in here. */
  readonly hasAccount: boolean
  /** The flip was a moment ago: sessions that began before it may still be at the source. */
  readonly isJustFlipped: boolean
  /** These are the provider's copying hours. */
  readonly isOpen: boolean
  /** Somebody asked for the way back. */
  readonly isReturnRequested: boolean
  /** Led back, and only who asks for it flips them again. */
  readonly isReturned: boolean
  /** An administrator lets them come without the filters that cannot. */
  readonly areFiltersLeft: boolean
  /** The password was set on the destination: the source does not know it. */
  readonly hasOwnPassword: boolean
  /** A flip, or a return, that did not come to its end. */
  readonly unfinished: Unfinished | null
  /** In so many flips, or returns, in a row the worker died, and nobody was told of the last one yet. Missing: in none. */
  readonly cutOff?: number
}

export interface Unfinished {
  readonly hold: string
  readonly isReturn: boolean
  readonly step: 'held' | 'moving' | 'back' | 'landed'
}

/** The end of a job; without an attempt only the status was checked. */
export interface JobEnd {
  readonly plan: Plan
  readonly attempt: { readonly id: string | null; readonly startedAt: Date; readonly result: Result } | null
  /** What the source holds, when all of it is on the destination now. */
  readonly seen: readonly MailboxStatus[] | null
  /** What came of a flip, or a return: this job has ended it, or tells of the one in which a worker died. Missing: there was none. */
  readonly flip?: FlipEnd | undefined
}

export type FlipEnd = 'ended' | 'cut-off'

/** What was written at the end of a job. */
export interface JobKept {
  /** The migration was to be finished, and is: its ledger is clean. */
  readonly isFinished: boolean
}

/** How far an attempt is. */
export interface Copied {
  /** So many have been copied. */
  readonly messages: number
  /** Null: nothing is known yet. */
  readonly progress: Progress | null
}

/** Which job is wanted: a provider's next, or that of one migration. */
export type Wanted = { readonly provider: string } | { readonly migrationId: string }

export interface Jobs {
  /** The time by which jobs are due. */
  clock(): Promise<Date>
  /**
   * Some of the providers with jobs that this worker may claim now and with connections to spare: first that of whose
   * connections the smallest share is used for copying.
   * @param until jobs that were due then; default: now
   */
  providers(worker: Worker, until?: Date): Promise<string[]>
  /** How many jobs wait for this worker, and how many of all that were due run anywhere. */
  count(worker: Worker, until?: Date): Promise<{ waiting: number; running: number }>
  /** Leases a job; null: none is available. */
  claim(worker: Worker, wanted: Wanted, until?: Date): Promise<Job | null>
  /**
   * Renews the leases of these migrations, and records how far each attempt is; returns those that the worker still
   * holds, and whether they are still to be copied.
   */
  renew(worker: Worker, running: ReadonlyMap<string, Copied>): Promise<ReadonlyMap<string, boolean>>
  /** Records that an engine starts; returns the attempt's number. */
  begin(job: Job, worker: Worker): Promise<string>
  /**
   * Writes how the job ended and releases it; finishes the migration when that was requested before the claim and still
   * is, and all of it is on the destination. Null: the lease was lost, and nothing is written.
   */
  end(job: Job, worker: Worker, end: JobEnd): Promise<JobKept | null>
}

export interface Attempts {
  /** The last attempts of a migration, latest first. */
  last(migrationId: string, limit: number): Promise<Attempt[]>
  /** By the number of the migration. */
  latest(migrationIds: readonly string[]): Promise<Map<string, LatestAttempt>>
}

/** What the source answers to the status check before an attempt. */
export type SourceStatus =
  | { readonly kind: 'yes'; readonly mailboxes: readonly MailboxStatus[] }
  | Exclude<SourceAnswer, { kind: 'yes' }>

export interface StatusCheck {
  /** Signs in and asks for the status of all mailboxes that are copied, with their sizes on demand. Never throws. */
  check(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    signal: AbortSignal,
    asksSizes: boolean,
  ): Promise<SourceStatus>
}

/** Until it is disposed, all that is asked of the source for this person goes over one connection, signed in once. */
export type KeepConnection = (
  provider: Provider,
  credential: Pick<Credential, 'username' | 'password'>,
) => AsyncDisposable

/** Calls with how many bytes have come whenever some do, of all that is asked of the source for this person. */
export type MeterSource = (
  provider: Provider,
  credential: Pick<Credential, 'username' | 'password'>,
  onBytes: (bytes: number) => void,
) => Disposable

/** How many bytes were read at the source for each migration, by days of UTC. */
export interface SourceBytes {
  today(migrationId: string): Promise<number>
  /** @param read how many bytes, by the number of the migration */
  add(read: ReadonlyMap<string, number>): Promise<void>
}

/** Why a running attempt is to end, as the reason of its AbortSignal. */
export type Interruption = 'stopped' | 'lost-lock' | 'timeout' | 'old-spent'

/** A way to copy mail, of one person at a time. */
export interface Engine extends EngineRecords {
  readonly name: string
  /** The folder of its sync state: what it has copied it remembers there, and nowhere else. */
  readonly stateFolder: string
  /** The setting that names it. */
  readonly stateSetting: string
  /** Whether it can run on this host, for `doctor`. */
  check(): Promise<EngineCheck>
  /** Whether its sync state knows of this migration. */
  remembers(migrationId: string): boolean
  /** Makes it know of a migration, of which nothing may have been there to copy. */
  remember(migrationId: string): void
  /** One attempt. Never throws; what it started has ended when it resolves. */
  run(order: CopyOrder, credential: Credential, run: EngineRun): Promise<Result>
  /** Forgets that it has delivered these, so that its next run copies them again. None may be running. */
  forget(migrationId: string, lost: LostMessages): void
  /** Removes what only a next run would have needed. Never throws. */
  release(order: CopyOrder): Promise<void>
}

/** A mirror that is about to take the mailbox's place. All of it @throws where the mirror cannot. */
export interface MirrorFlip extends AsyncDisposable {
  /** What the source calls folders, where it is otherwise than here; null: it is the same. */
  readonly namespace: Namespace | null
  /** Makes the mirror what the source is now; where only these mailboxes of the source have changed, in them alone. */
  renew(changed: readonly string[] | null): Promise<void>
  /** What source and mirror do not have in common, UIDs and flags included, in these mailboxes or in all; null: nothing. */
  difference(names: readonly string[] | null): Promise<string | null>
  /** Whether she is subscribed to other folders at the source than when all of the mirror was renewed. */
  isSubscribedOtherwise(): Promise<boolean>
  /**
   * Notes what the mirror has, in these mailboxes or in all, as merged: later attempts bring what comes after it. On the
   * disk when this resolves.
   */
  note(names: readonly string[] | null): Promise<void>
  /** Keeps what source and mirror have now, by which a return sees what has changed at the source since. */
  record(mailboxes: readonly MailboxStatus[]): void
  /** Puts what is in the mailbox's place aside, and the mirror there; on the disk when this resolves. */
  moveIn(hold: string): Promise<void>
}

/** A mirror that takes the mailbox's place as it is. All of it @throws where it cannot. */
export type LastCopy = AsyncDisposable & Pick<MirrorFlip, 'namespace' | 'moveIn'>

/** What an engine with mirrors does for a flip. */
export interface Flipping {
  /**
   * Brings the source's filters, which never take the place of the person's own. Throws only when it is interrupted.
   * @param isUrgent they are not to be taken as brought because they were a while ago
   */
  carryFilters(
    order: CopyOrder,
    credential: Credential,
    isUrgent: boolean,
    signal: AbortSignal,
  ): Promise<FiltersCarried>
  /** Why nobody's filters can be brought here; null: they can. */
  whyNoFilters(): Promise<string | null>
  openFlip(order: CopyOrder, credential: Credential, signal: AbortSignal): Promise<MirrorFlip>
  /** Asks the source for nothing. */
  openLastCopy(order: CopyOrder, signal: AbortSignal): Promise<LastCopy>
  /** Undoes what a flip has moved, however far it came. */
  moveBack(order: CopyOrder, hold: string): Promise<void>
  /** Brings what lay in the mailbox's place before into it. May be repeated. */
  mergeBefore(order: CopyOrder, signal: AbortSignal): Promise<void>
  openReturn(order: CopyOrder, credential: Credential, signal: AbortSignal): Promise<MirrorReturn>
  /**
   * After a return: what came into the mailbox here too late is brought to the source, and the mailbox is the mirror.
   * @param isLast what the source refuses is kept here, for the next flip
   * @returns what that is, and where: a line each
   * @throws NotFlipped where it refuses something, and this is not the last time
   */
  leave(order: CopyOrder, credential: Credential, isLast: boolean, signal: AbortSignal): Promise<readonly string[]>
  /** What the source had at the flip is not needed any more. */
  forgetReturn(order: CopyOrder): void
}

/** A source that is about to be made what the mailbox here is. All of it @throws NotFlipped with what is in the way. */
export interface MirrorReturn extends AsyncDisposable {
  /** Whether the source is as the flip has left it. */
  check(mailboxes: readonly MailboxStatus[]): Promise<void>
  /** Makes the source what the mailbox is at this moment. @returns whether anything had to be written */
  write(): Promise<boolean>
  /** Whether the source has what was written: UIDs, flags, keywords, dates and every byte. */
  prove(mailboxes: readonly MailboxStatus[]): Promise<void>
}

/** Messages of one folder of the source that were delivered, with the flags that they had then as Maildir letters. */
export interface Delivered {
  readonly directory: string
  readonly uidValidity: number
  readonly flagsOf: ReadonlyMap<number, string>
}

/** The engines of this host as one: each migration is copied by the one that its provider names. */
export interface Engines extends Omit<Engine, 'name' | 'check'>, Flipping {
  readonly all: readonly Pick<Engine, 'name' | 'check'>[]
  /** Which one copies here where the provider leaves the choice. */
  byDefault(): Promise<Chosen>
  /** Which one copies this person. */
  choose(order: CopyOrder): Promise<EngineName>
}

/** An engine, and why it is the one. */
export interface Chosen {
  readonly engine: EngineName
  readonly why: string
  /** It cannot copy into mail as it lies here. */
  readonly isUnfit?: true
}

/** What the source tells of a person's folders. */
export interface SourceFolders {
  /** Her own, and whether the provider's patterns want each one. */
  readonly mailboxes: readonly { readonly mailbox: Mailbox; readonly wanted: boolean }[]
  /** The names that she has subscribed to. */
  readonly subscribed: ReadonlySet<string>
  /** Other people's and shared ones, which are not copied. */
  readonly foreign: readonly Mailbox[]
  /** How names of her own folders are made, as the source says, also while she has none; null: it does not say. */
  readonly namespace?: Namespace | null
  /** It lists none, and yet some open: there may be others. */
  readonly isListEmpty?: boolean
  /** Of her own, where it was told a moment ago. */
  readonly status?: readonly MailboxStatus[]
}

export interface SourceSurvey extends SourceFolders {
  /** By the folder's name and the UID; only of wanted folders that open, and of messages that have any. */
  readonly keywords: ReadonlyMap<
    string,
    { readonly uidValidity: number; readonly words: ReadonlyMap<number, readonly string[]> }
  >
}

/** The source for an engine that does not reach it by itself. */
export interface SourceAccess {
  /** @throws CouldNotAsk; Silence, where there may be none at all */
  folders(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    signal: AbortSignal,
  ): Promise<SourceFolders>
  /** The same, and which messages have which keywords. @throws CouldNotAsk */
  survey(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    signal: AbortSignal,
  ): Promise<SourceSurvey>
  /** Lists these mailboxes, by name; the others are not asked for. @throws CouldNotAsk */
  list(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    mailboxes: readonly Mailbox[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Opened>>
  /**
   * @param user of this host, who alone is let in
   * @param passing what becomes of the messages that pass
   */
  tunnel(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    user: number,
    passing?: Passing,
  ): Promise<Tunnel>
  /** The person's Sieve scripts. Null: the source has no ManageSieve. @throws CouldNotAsk */
  filters(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    signal: AbortSignal,
  ): Promise<readonly Filter[] | null>
  /** For a return, and nothing else: all other ways to the source only read. */
  writer(
    provider: Provider,
    credential: Pick<Credential, 'username' | 'password'>,
    signal: AbortSignal,
  ): Promise<SourceWriter>
}

/** A Sieve script. */
export interface Filter {
  readonly name: string
  readonly isActive: boolean
  /** Null: the source does not hand it over. */
  readonly script: Buffer | null
}

/** What came of carrying a person's filters. */
export interface FiltersCarried {
  /** Why what filters mail at the source does not do so here; null: it does, or nothing filters there. */
  readonly flaw: string | null
  /** The flaw is that the source could not be asked. */
  readonly isUnread?: boolean
  /** What is to be told, a line each. */
  readonly told: readonly string[]
}

/** A message as it is brought to the source. */
export interface WrittenMessage {
  readonly flags: readonly string[]
  /** In whole seconds since 1970. */
  readonly date: number
  readonly body: Buffer
}

/** Changes the source. Names are those of the source. All of it @throws SourceRefuses, NotFlipped where the source cannot. */
export interface SourceWriter extends AsyncDisposable {
  /** The size of the largest message that it brings. */
  readonly mostBytes: number
  create(name: string): Promise<void>
  /** Also what lies below it. */
  rename(from: string, to: string): Promise<void>
  remove(name: string): Promise<void>
  subscribe(name: string, isSubscribed: boolean): Promise<void>
  /** Opens a mailbox for the calls below. */
  open(name: string): Promise<{ readonly uidValidity: number; readonly uidNext: number }>
  /** @returns its UID */
  append(name: string, message: WrittenMessage): Promise<number>
  setFlags(uids: readonly number[], flags: readonly string[]): Promise<void>
  expunge(uids: readonly number[]): Promise<void>
  /** By UID; whatever cannot be read is left out. */
  digests(messages: readonly SourceMessage[]): Promise<Map<number, string>>
}

/** A message of the source. */
export interface MessageKey {
  /** As the source calls it; `INBOX` in this one spelling. */
  readonly mailbox: string
  readonly uidValidity: number
  readonly uid: number
}

/** The same, digested on its way to a program. */
export interface PassedBody extends KnownMessage, MessageKey {}

/** What becomes of the messages that pass through a tunnel. */
export interface Passing {
  /** Called with each whose bytes have passed, before the program has all of them. */
  onBody?(body: PassedBody): void
  /** Takes large ones in the program's place. */
  readonly aside?: Aside
}

/** Keeps large messages that a program would hold in memory: the program is given a stand-in for each. */
export interface Aside {
  /** From so many bytes on. */
  readonly fromBytes: number
  open(standIn: StandingIn): AsideMessage
}

/** By what a stand-in is found, and for what it stands. */
export interface StandingIn {
  readonly message: MessageKey
  /** Its last line. */
  readonly token: string
  /** How long it is with LF for every CR LF. */
  readonly bytes: number
  /** Called when `write` may go on. */
  onDrain(): void
  /** Called when the message cannot be kept: the program is to hear no more. */
  onFailure(): void
}

/** One of them, as it comes. */
export interface AsideMessage {
  /** @returns false: what comes next of it should wait for `onDrain` */
  write(piece: Buffer): boolean
  /** It is whole: the program is given its stand-in. */
  end(): void
  /** It does not come to its end, and the program hears nothing of it. */
  abandon(): void
}

/**
 * Plain IMAP on this host that leads to a person's mail at a provider's verified server, one connection at a time, and
 * cannot write. It is signed in there by itself; whoever comes in needs its own password.
 */
export interface Tunnel extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number
  readonly password: string
  /**
   * Asks the source what a program will ask that is about to come in: it need not wait then.
   * @param mailboxes which it will open, in this order
   */
  askAhead(commands: readonly Foreseen[], mailboxes: readonly ForeseenMailbox[]): void
  /** Nothing more is asked for, and nobody comes in any more; what has come already is handed on. */
  stop(): void
  /** Why the server was not reached; null: it was, or nobody tried. */
  trouble(): Code | null
  /** Whether a program has wanted something else than was foreseen, so that it was let down; it may come again. */
  hasMisled(): boolean
}

/** A command that a program will send. */
export interface Foreseen {
  /** Word for word, without its tag. */
  readonly text: string
  /** The untagged response, where it is known: the source is not asked. */
  readonly answer?: string
}

/** A mailbox that a program will open, and then read all of. */
export interface ForeseenMailbox {
  /** The command, without its tag; null: of that one nobody knows it. */
  readonly opening: string | null
  /** How many there are, more or less. */
  readonly messages: number
  /** All of them; null: the source does not tell. */
  readonly bytes: number | null
}

export interface EngineCheck {
  readonly result: 'ok' | 'warn' | 'fail'
  readonly found: string
  readonly remedy?: string
  /** It cannot copy here. */
  readonly isMissing?: boolean
}

export interface EngineRun {
  /** The mailboxes of the source that alone have changed since all was copied; missing or null: any may have. */
  readonly changed?: readonly string[] | null
  /** Aborted with an Interruption. */
  readonly signal: AbortSignal
  /** Aborted with an Interruption when no more may be read at the source today. Missing: it never is. */
  readonly spent?: AbortSignal
  /** Called at each message that is about to be copied. */
  onMessage(): void
  /** Called at each message that has come from the source. */
  onBrought?(brought: Brought): void
}

/** A message that has come from the source. */
export interface Brought {
  readonly mailbox: string
  readonly bytes: number
  readonly engine: EngineName
}

/** What is the matter with a copy, as an outcome and in a sentence. */
export interface Flaw {
  readonly outcome: Outcome
  /** A mirror lacks only what a person at work has moved, renamed or made meanwhile. */
  readonly isBusy?: true
  readonly sentence: string
  /** What the engine has to forget, so that it copies it again. */
  readonly lost: readonly LostMessages[]
}

export interface ProofOptions {
  watch?(progress: VerifyProgress): void
  /** As that of an attempt. */
  readonly spent?: AbortSignal
}

/** What has to agree before a migration is called synced. */
export interface Proof {
  /** Compares the source with the destination. Null: all that source holds is on the destination. */
  flaw(job: Job, credential: Credential, signal: AbortSignal, how?: ProofOptions): Promise<Flaw | null>
}
