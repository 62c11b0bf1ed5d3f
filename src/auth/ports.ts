import type { Account, PasswordSource } from '../model/account.ts'
import type { Address } from '../model/address.ts'
import type { Endpoint } from '../model/endpoint.ts'
import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'

/** What a domain of OLD says about its people. */
export interface Source {
  readonly provider: Provider
  readonly oldDomain: string
  readonly newDomain: string
}

/** An account on OLD. */
export interface OldMailbox {
  readonly provider: Provider
  readonly oldDomain: string
  readonly oldUsername: string
}

/** A password that is kept of an account. */
export interface KeptPassword {
  readonly hash: string
  /** Since it was proved a newer one came: OLD is to be asked about it once more before it counts. */
  readonly isDoubtful: boolean
}

/** An account as the sign-in needs it. */
export interface KnownAccount {
  readonly account: Account
  /** The present one first, then earlier ones that OLD confirmed; of OLD's several may be right. */
  readonly passwords: readonly KeptPassword[]
  readonly passwordSource: PasswordSource
  /** Null: the account was made on NEW. */
  readonly from: OldMailbox | null
  /** The move is not finished yet: OLD still has a say about a password that came from there. */
  readonly isLive: boolean
  /** A right sign-in is to bring a credential: OLD refuses the kept one, nobody can open it, or a move begins again. */
  readonly needsCredential: boolean
}

/** A person who was imported and has no account yet. */
export interface Awaited extends OldMailbox {
  /** Nobody waits any more: the migration is finished, and sign-ins do not open it again. */
  readonly closed: boolean
}

export interface Directory {
  /**
   * The domains of OLD that an address may belong to. One that is renamed is that one alone; what others become may be
   * any of them. The one of that very name comes first.
   */
  sourcesOf(domain: string): Promise<readonly Source[]>
  accountOf(address: string): Promise<KnownAccount | null>
  /** Who has a migration under this address, and no account. */
  awaited(address: string): Promise<Awaited | null>
}

/** What OLD said. `trouble` is everything that is neither yes nor no. */
export type OldAnswer =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no' }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'trouble'
      readonly code: Code
      readonly cause: unknown
      /** Whether OLD said anything at all, its greeting at least: it is alive, whatever became of the sign-in. */
      readonly answered: boolean
    }

/** A question to OLD. */
export interface OldQuestion {
  readonly provider: Provider
  readonly username: string
  readonly password: string
  /** IP address of the person's client; null when the door does not say. */
  readonly clientAddress: string | null
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Told before the answer when OLD still has the connection then, and until when. */
  onLeaving?(gone: Promise<void>): void
}

export interface Old {
  /** Never throws; answers within its own time limit. */
  ask(question: OldQuestion): Promise<OldAnswer>
}

export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const

/** How a provider's connections are used in this process. */
export interface ProviderStatus {
  readonly provider: string
  readonly breaker: (typeof BREAKER_STATES)[number]
  /** Questions being asked. */
  readonly running: number
  /** Questions in the queue. */
  readonly waiting: number
}

/** Whom a failed sign-in is counted against. */
export interface Suspect {
  /** The canonical address that was typed; null: only the client is to blame. */
  readonly person: string | null
  /** IP address of the client; null when the door does not say. */
  readonly client: string | null
  /** Name of the provider that would be asked; null when none would be. */
  readonly provider: string | null
}

/** Failed sign-ins, counted together by all instances. */
export interface Failures {
  /** Whether the person, the client's network or the provider has reached its limit. Throws when it cannot tell. */
  isLimited(suspect: Suspect): Promise<boolean>
  count(suspect: Suspect): Promise<void>
  /** Whether this process knows that the client's network is over its limit; asks nobody. */
  isShut(client: string | null): boolean
}

/** Who has signed in from which network lately. */
export interface Visits {
  has(person: string, client: string): Promise<boolean>
  note(person: string, client: string): Promise<void>
}

/** Sign-ins that are counted before it is known whether they fail: many guesses at one moment get no further. */
export interface Tries {
  /** Counts a try; false when it is one too many. Throws when it cannot tell. */
  take(suspect: Suspect): Promise<boolean>
  /** A try that did not fail. */
  giveBack(suspect: Suspect): Promise<void>
}

/** What a sign-in spends its time on. */
export type Effort = 'hash' | 'old' | 'database'

/** Does work, and notes how long it took. */
export type Time = <T>(effort: Effort, work: () => Promise<T>) => Promise<T>

export interface Hasher {
  hash(password: string): Promise<string>
  /** `hash` null costs the same time and is never right. */
  verify(hash: string | null, password: string): Promise<boolean>
}

/** What opens an account on OLD, and whose it is. */
export interface Credential {
  /** The account's address on NEW, so that a sealed credential cannot be moved to another account unnoticed. */
  readonly address: string
  /** Name of the provider that it opens the account at, for the same reason; null: sealed before that was kept. */
  readonly provider: string | null
  readonly username: string
  readonly password: string
}

/** A sealed credential, and short names of the recipients who can open it. */
export interface Sealed {
  readonly bytes: Uint8Array
  readonly to: readonly string[]
}

export interface Sealer {
  seal(credential: Credential): Promise<Sealed>
}

export interface Opener {
  /** Throws when none of the identities opens it. */
  open(sealed: Uint8Array): Promise<Credential>
}

/** Where this host may send credentials, by the names of providers; no database can change it. */
export interface Endpoints {
  /** Null: nobody has said so yet. @throws when that cannot be told */
  approved(provider: string): Endpoint | null
  /** The file that says so; null: there is none. @throws when that cannot be told */
  keptIn(provider: string): string | null
  /** Approves an endpoint; false: another one is approved already. @throws when it cannot be kept */
  trust(provider: string, endpoint: Endpoint): boolean
  /** Approves an endpoint in the place of another. @throws when it cannot be kept */
  approve(provider: string, endpoint: Endpoint): void
}

/** A person whom OLD let in, ready to be written. */
export interface Arrival {
  readonly address: Address
  readonly home: string
  /** Null: one that is kept already. */
  readonly passwordHash: string | null
  /** The account's password when the sign-in looked at it; null: there was no account. */
  readonly seenHash: string | null
  /** Null: the kept credential is not known to be wrong. A newcomer always brings one. */
  readonly sealed: Sealed | null
  readonly provider: Provider
  readonly oldDomain: string
  readonly oldUsername: string
}

export interface Captures {
  /**
   * Writes account, credential and migration, or adds a password to a captured account and renews its credential, in
   * one transaction. The passwords it had before are doubtful then. Null: meanwhile OLD has no say about it any more.
   * Changed: the account has another password than was seen, which may be this one; nothing is written. A collision:
   * the address, the mailbox on OLD or the home is somebody else's; who collided is kept for the administrator.
   */
  capture(arrival: Arrival): Promise<Account | 'collision' | 'changed' | null>
  /** OLD confirmed a doubtful password once more; false: the present one is not the one that was seen any more. */
  confirm(address: string, hash: string, seenHash: string): Promise<boolean>
  /** OLD does not know a doubtful password any more. */
  drop(address: string, hash: string): Promise<void>
  /** Keeps for the administrator that somebody wants an address that is somebody else's. */
  collide(arrival: Omit<Arrival, 'passwordHash' | 'seenHash' | 'sealed'>): Promise<void>
}

/** Migrations that are being copied at this moment. */
export interface Copying {
  migrationIds(): Promise<readonly string[]>
}
