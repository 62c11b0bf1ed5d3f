import type { Sealed, Sealer } from '../keys/ports.ts'
import type { Account, PasswordSource } from '../model/account.ts'
import type { Address } from '../model/address.ts'
import type { Provider } from '../model/provider.ts'
import type { Source, SourceMailbox } from '../source/ports.ts'
import type { AuthCache } from './auth-cache.ts'
import type { Digest } from './keyed-digest.ts'
import type { FromDatabase } from './unavailable.ts'

/** A login that is being decided. */
export interface LoginAttempt {
  /** As it was typed, in its canonical form; null: nobody can have it. */
  readonly address: Address | null
  readonly password: string
  /** The password's keyed digest. */
  readonly passwordDigest: string
  /** IP address of the person's client; null: unknown. */
  readonly clientAddress: string | null
  /** Aborted when nobody waits for the answer any more, or its time is over. */
  readonly signal: AbortSignal
  /** Told the name of the person's provider, as soon as it is known. */
  onProvider?(name: string): void
}

/** What a login needs. */
export interface AuthDeps {
  readonly userdb: Userdb
  readonly hasher: Hasher
  readonly source: Source
  readonly sealer: Sealer
  readonly provisioner: Provisioner
  readonly rateLimit: RateLimit
  readonly visits: Visits
  /** What the source refused lately. */
  readonly sourceRefusals: AuthCache
  readonly digest: Digest
  readonly fromDatabase: FromDatabase
  /** Told that an account was written. */
  onProvisioned(address: string): void
  /** Template of an account's home on the destination. */
  readonly home: string
  /** What separates a sub-address's detail from the person; '' where there is none. */
  readonly recipientDelimiter: string
}

/** A domain of the source and what becomes of it. */
export interface SourceDomain {
  readonly provider: Provider
  readonly oldDomain: string
  readonly newDomain: string
  /** It only knows who came from there. */
  readonly isClosed: boolean
}

/** A password that is kept of an account. */
export interface KeptPassword {
  readonly hash: string
  /** A newer one came after it: it counts only when the source confirms it once more. */
  readonly isDoubtful: boolean
}

/** An account as a login needs it. */
export interface KnownAccount {
  readonly account: Account
  /** The present one first, then earlier ones that the source confirmed: of the source's, several may be right. */
  readonly passwords: readonly KeptPassword[]
  readonly passwordSource: PasswordSource
  /** Null: the account was made on the destination. */
  readonly from: SourceMailbox | null
  /** The migration is not finished: the source still has a say about a password that came from there. */
  readonly isLive: boolean
  /**
   * A right password is wanted as the credential: the source refuses the kept one, nobody can open it, or a migration
   * begins again.
   */
  readonly needsCredential: boolean
}

/** A person who was imported and has no account yet. */
export interface Awaited extends SourceMailbox {
  /** The migration is finished, and a login does not reopen it. */
  readonly closed: boolean
}

/** Looks up who somebody is. */
export interface Userdb {
  /**
   * The domains of the source that an address may belong to. One that is renamed is that one alone; what others become
   * may be any of them. The one of that very name comes first.
   */
  sourceDomainsOf(domain: string): Promise<readonly SourceDomain[]>
  accountOf(address: string): Promise<KnownAccount | null>
  /** Who has a migration under this address, and no account. */
  awaited(address: string): Promise<Awaited | null>
  /** So many addresses of accounts behind this one, in their order. */
  addressesAfter(address: string, limit: number): Promise<string[]>
}

/** Whom a login counts against. */
export interface RateLimitSubject {
  /** The canonical address that was typed; null: nobody. */
  readonly person: string | null
  /** IP address of the client; null: unknown. */
  readonly client: string | null
  /** Name of the provider that would be asked; null: none. */
  readonly provider: string | null
}

/** Limits failed logins, for all instances together. */
export interface RateLimit {
  /** Whether the person, the client's network or the provider has reached its limit. Throws when it cannot tell. */
  isExceeded(subject: RateLimitSubject): Promise<boolean>
  /** Counts a failed login. */
  penalize(subject: RateLimitSubject): Promise<void>
  /** Whether this process knows that the client's network has reached its limit; asks nobody. */
  isClientExceeded(client: string | null): boolean
}

/** Limits attempts before it is known whether they fail: many guesses at one moment get no further. */
export interface AttemptLimit {
  /** Counts an attempt; false when it is one too many. Throws when it cannot tell. */
  consume(subject: RateLimitSubject): Promise<boolean>
  /** Takes back an attempt that did not fail. */
  refund(subject: RateLimitSubject): Promise<void>
}

/** From which networks people have signed in lately. */
export interface Visits {
  has(person: string, client: string): Promise<boolean>
  note(person: string, client: string): Promise<void>
}

export interface Hasher {
  hash(password: string): Promise<string>
  /** `hash` null takes the same time and is never right. */
  verify(hash: string | null, password: string): Promise<boolean>
}

/** Whose account it is to be, where their mailbox is, and where their mail goes. */
export interface Newcomer extends SourceMailbox {
  readonly address: Address
  readonly home: string
}

/** What the source's yes proved. */
export interface ProvenLogin extends Newcomer {
  /** Null: the password is kept already. */
  readonly passwordHash: string | null
  /** The account's password when the login looked at it; null: there was no account. */
  readonly seenHash: string | null
  /** Null: the kept credential still opens the mailbox. A new account always gets one. */
  readonly sealed: Sealed | null
}

/** Writes what logins prove. */
export interface Provisioner {
  /**
   * Writes account, credential and migration, or adds a password to a provisioned account and renews its credential, in
   * one transaction. The passwords it had before are doubtful then. Null: the source has no say about it any more.
   * Changed: the account has another password than was seen, which may be this one; nothing is written. A collision:
   * the address, the mailbox at the source or the home is somebody else's; it is noted for the administrator.
   */
  provision(proven: ProvenLogin): Promise<Account | 'collision' | 'changed' | null>
  /** The source confirmed a doubtful password; false: the present one is not the one that was seen any more. */
  confirmPassword(address: string, hash: string, seenHash: string): Promise<boolean>
  /** The source does not accept a doubtful password any more. */
  dropPassword(address: string, hash: string): Promise<void>
  /** Notes for the administrator that somebody wants an address that is somebody else's. */
  noteCollision(newcomer: Newcomer): Promise<void>
}
