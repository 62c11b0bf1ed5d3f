import type { Sealed } from '../keys/ports.ts'
import type { Account, PasswordSource } from '../model/account.ts'
import type { Address } from '../model/address.ts'
import type { Provider } from '../model/provider.ts'
import type { SourceMailbox } from '../source/ports.ts'

/** What a domain of the source says about its people. */
export interface SourceDomain {
  readonly provider: Provider
  readonly oldDomain: string
  readonly newDomain: string
}

/** A password that is kept of an account. */
export interface KeptPassword {
  readonly hash: string
  /** Since it was proved a newer one came: the source is to be asked about it once more before it counts. */
  readonly isDoubtful: boolean
}

/** An account as the sign-in needs it. */
export interface KnownAccount {
  readonly account: Account
  /** The present one first, then earlier ones that source confirmed; of the source's several may be right. */
  readonly passwords: readonly KeptPassword[]
  readonly passwordSource: PasswordSource
  /** Null: the account was made on the destination. */
  readonly from: SourceMailbox | null
  /** The move is not finished yet: the source still has a say about a password that came from there. */
  readonly isLive: boolean
  /**
   * A right sign-in is to bring a credential: the source refuses the kept one, nobody can open it, or a move begins
   * again.
   */
  readonly needsCredential: boolean
}

/** A person who was imported and has no account yet. */
export interface Awaited extends SourceMailbox {
  /** Nobody waits any more: the migration is finished, and sign-ins do not open it again. */
  readonly closed: boolean
}

export interface Directory {
  /**
   * The domains of the source that an address may belong to. One that is renamed is that one alone; what others become
   * may be any of them. The one of that very name comes first.
   */
  sourceDomainsOf(domain: string): Promise<readonly SourceDomain[]>
  accountOf(address: string): Promise<KnownAccount | null>
  /** Who has a migration under this address, and no account. */
  awaited(address: string): Promise<Awaited | null>
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

export interface Hasher {
  hash(password: string): Promise<string>
  /** `hash` null costs the same time and is never right. */
  verify(hash: string | null, password: string): Promise<boolean>
}

/** A person whom the source let in, ready to be written. */
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
   * one transaction. The passwords it had before are doubtful then. Null: meanwhile the source has no say about it any
   * more. Changed: the account has another password than was seen, which may be this one; nothing is written. A
   * collision: the address, the mailbox at the source or the home is somebody else's; who collided is kept for the
   * administrator.
   */
  capture(arrival: Arrival): Promise<Account | 'collision' | 'changed' | null>
  /**
   * The source confirmed a doubtful password once more; false: the present one is not the one that was seen any more.
   */
  confirm(address: string, hash: string, seenHash: string): Promise<boolean>
  /** The source does not know a doubtful password any more. */
  drop(address: string, hash: string): Promise<void>
  /** Keeps for the administrator that somebody wants an address that is somebody else's. */
  collide(arrival: Omit<Arrival, 'passwordHash' | 'seenHash' | 'sealed'>): Promise<void>
}

/** Migrations that are being copied at this moment. */
export interface Copying {
  migrationIds(): Promise<readonly string[]>
}
