import type { Sealed, SealedCredential } from '../keys/ports.ts'
import type { Account } from '../model/account.ts'
import type { AuditEntry, By, Change } from '../model/audit.ts'
import type { Domain, ServedDomain } from '../model/domain.ts'
import type { Ledger } from '../model/ledger.ts'
import type { CopyOrder, Migration, Route, State, Transition } from '../model/migration.ts'
import type { Provider } from '../model/provider.ts'

// What administrators' operations work on. Whatever does not exist is null or false; what cannot be done is a Refusal.
// Each change is written into the audit in its own transaction.

/** Which page of a list: the first, or the one after or before a cursor that another page has given. */
export interface PageRequest {
  readonly limit: number
  readonly after?: string | undefined
  readonly before?: string | undefined
}

export interface Page<T> {
  readonly rows: readonly T[]
  /** The cursor before which there are more rows, and the one after which there are; null: there are none. */
  readonly before: string | null
  readonly after: string | null
}

export interface AuditFilter {
  /** Any of these. */
  readonly subjects?: readonly string[] | undefined
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly since?: Date | undefined
}

export interface Audit {
  /** The newest first. @throws Refused when there is no such cursor */
  page(request: PageRequest & { readonly filter?: AuditFilter }): Promise<Page<AuditEntry>>
  /** Writes down what changes nothing in the database. */
  record(subject: string, change: Change): Promise<void>
}

export interface Providers {
  list(): Promise<Provider[]>
  find(name: string): Promise<Provider | null>
  add(provider: Provider, by: By): Promise<void>
  /**
   * Replaces the provider of that name.
   * @param before as which it was read; @throws Refused when somebody else has changed it since
   */
  set(provider: Provider, by: By, before?: Provider): Promise<void>
  /** Keeps how a test of it ended, unless it is reached in another way by now. */
  noteTest(tested: Provider, failedStep: string | null): Promise<void>
  remove(name: string, by: By): Promise<boolean>
}

export interface Domains {
  list(): Promise<Domain[]>
  /** Adds it, or opens a closed one again. @throws Refusal when its people could not be told from others */
  add(domain: ServedDomain & { readonly sharesNames: boolean }, by: By): Promise<void>
  /** Closes it for those who came from there; where there is nobody, it goes. Null: there is no such domain. */
  remove(name: string, by: By): Promise<'closed' | 'removed' | null>
}

export interface Accounts {
  /** By address. */
  page(request: PageRequest): Promise<Page<Account>>
  find(address: string): Promise<Account | null>
  /**
   * Sets a password of the destination's own: the source is not asked about it any more.
   * @throws Refused while the person works at the source, or is about to be led back there
   */
  setPassword(address: string, passwordHash: string, by: By): Promise<boolean>
  setEnabled(address: string, enabled: boolean, by: By): Promise<boolean>
  /** Null: no quota. */
  setQuota(address: string, bytes: number | null, by: By): Promise<boolean>
}

export interface MigrationFilter {
  readonly state?: State | undefined
  readonly provider?: string | undefined
  readonly domain?: string | undefined
  readonly code?: string | undefined
  /** A part of the address or of the old user name. */
  readonly search?: string | undefined
  readonly isFinishRequested?: boolean | undefined
  readonly route?: Route | undefined
  /** By itself, or by a finish, which flips first. */
  readonly isFlipRequested?: boolean | undefined
  /** Has not signed in yet, and is still expected. */
  readonly neverCame?: boolean | undefined
}

/** Whatever a list is sorted by, equals are in the order of their addresses. */
export const MIGRATION_SORTS = ['address', 'state', 'provider', 'code', 'created_at', 'changed_at'] as const
export type MigrationSort = (typeof MIGRATION_SORTS)[number]

export interface MigrationPageRequest extends PageRequest {
  readonly filter?: MigrationFilter
  /** Default: by address. */
  readonly sort?: MigrationSort | undefined
  readonly descending?: boolean | undefined
}

/** Which part of the copying work: a provider's, and the K-th of N shards, counted from 1. */
export interface Share {
  readonly provider?: string
  /** Those alone whom a plain OfflineIMAP may copy. */
  readonly isPlain?: boolean
  readonly shard?: { readonly number: number; readonly of: number }
}

/** Active migrations by number, streamed: first the numbers, then what each one needs. */
export interface CopyWork {
  readonly ids: AsyncIterable<string>
  readonly orders: AsyncIterable<CopyOrder>
}

/** What a forced finish tells of. */
export interface Finishing {
  readonly migration: Migration
  readonly ledger: Ledger | null
  /** The home in which lies what was in the mailbox before a flip, and is still to be merged; null: nothing is. */
  readonly unmergedIn: string | null
}

export interface Migrations {
  /** @throws Refused when there is no such cursor */
  page(request: MigrationPageRequest): Promise<Page<Migration>>
  count(filter: MigrationFilter): Promise<number>
  find(address: string): Promise<Migration | null>
  /** Makes a transition, alone with the row; one to `done` erases the credential. Null: there is no such migration. */
  take(address: string, transition: Transition, change: Change): Promise<Migration | null>
  /**
   * Finishes a migration, alone with its row and its ledger. Null: there is no such migration.
   * @param changeOf says what is written into the audit
   */
  finish(address: string, changeOf: (found: Finishing) => Change): Promise<Migration | null>
  /** What a copying engine has to know of an active migration; null: it is not active, or not there. */
  orderOf(address: string): Promise<CopyOrder | null>
  /** Reads the active migrations of a share that may be copied at this hour, as they are at one moment. */
  readOrders<T>(share: Share, read: (work: CopyWork) => Promise<T>): Promise<T>
}

/** A credential that is to be opened, and the provider that it is for. */
export interface HandedOut extends SealedCredential {
  readonly provider: Provider
}

/** What is known of a credential without opening it. */
export interface CredentialFacts {
  readonly sealedAt: Date
  /** Short names of the recipients; null: nobody wrote them down. */
  readonly sealedTo: readonly string[] | null
  readonly openedAt: Date | null
  readonly openedBy: string | null
}

export interface Credentials {
  /** Hands out the sealed credentials of active migrations among these, and writes down when and to whom. */
  handOut(migrationIds: readonly string[], to: string): Promise<HandedOut[]>
  factsOf(address: string): Promise<CredentialFacts | null>
  /**
   * Replaces the credential of an unfinished migration, and heals what its lack or refusal stopped.
   * @param home where mail is copied to while there is no account
   * @param whose only that of somebody who has no account yet, or anybody's; @throws Refused
   */
  renew(address: string, sealed: Sealed, home: string, by: By, whose?: 'awaited'): Promise<void>
}

/** What is there of a person already: an account, a migration, or both. */
export interface Standing {
  /** Nobody has seen the person yet, and no password is kept. */
  readonly awaited: boolean
  readonly oldUsername: string | null
}

/** A person of a file, ready to be written. */
export interface ImportedPerson {
  /** Of the line in the file. */
  readonly number: number
  readonly address: string
  readonly provider: string
  readonly oldDomain: string
  readonly oldUsername: string
  readonly home: string
  readonly sealed: Sealed | null
  /** Null: the line says none. */
  readonly quotaBytes: number | null
  /** Whether there is anything to write. */
  readonly taken: boolean
}

/** People of a file, out of everybody's sight until they are written. */
export interface Gathering {
  /** Who of these is there already, by address. */
  standing(addresses: readonly string[]): Promise<Map<string, Standing>>
  /** Adds people; returns those who cannot be written beside the others or who is there, with the reason. */
  add(people: readonly ImportedPerson[]): Promise<{ number: number; reason: string }[]>
  /** Writes all of them in one transaction; returns how many were made or completed, by their state. */
  write(by: By): Promise<{ awaited: number; pending: number }>
}

export interface Imports {
  /** Works with a gathering that is gone afterwards. */
  gather<T>(work: (gathering: Gathering) => Promise<T>): Promise<T>
}
