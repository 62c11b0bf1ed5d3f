import type { Account } from '../model/account.ts'
import type { CopyOrder, Migration, State, Step } from '../model/migration.ts'
import type { Provider } from '../model/provider.ts'

/** A mail domain that a provider serves, and the domain that its addresses get on NEW. */
export interface Domain {
  readonly name: string
  readonly newDomain: string
  readonly provider: string
}

// What administrators' doors work on. Whatever does not exist is null or false; what cannot be done is a Refusal.

export interface Providers {
  list(): Promise<Provider[]>
  find(name: string): Promise<Provider | null>
  add(provider: Provider): Promise<void>
  /** Replaces the provider of that name. */
  set(provider: Provider): Promise<void>
  remove(name: string): Promise<boolean>
}

export interface Domains {
  list(): Promise<Domain[]>
  add(domain: Domain): Promise<void>
  remove(name: string): Promise<boolean>
}

export interface Accounts {
  /** By address, streamed. */
  list(): AsyncIterable<Account>
  find(address: string): Promise<Account | null>
  /** Sets a password of NEW's own: OLD is not asked about it any more. */
  setPassword(address: string, passwordHash: string): Promise<boolean>
  setEnabled(address: string, enabled: boolean): Promise<boolean>
}

export interface MigrationFilter {
  readonly state?: State
  readonly provider?: string
  readonly domain?: string
}

/** Which part of the copying work: a provider's, and the K-th of N shards, counted from 1. */
export interface Share {
  readonly provider?: string
  readonly shard?: { readonly number: number; readonly of: number }
}

/** Active migrations by number, streamed: first the numbers, then what each one needs. */
export interface CopyWork {
  readonly ids: AsyncIterable<string>
  readonly orders: AsyncIterable<CopyOrder>
}

export interface Migrations {
  /** By address, streamed. */
  list(filter: MigrationFilter): AsyncIterable<Migration>
  find(address: string): Promise<Migration | null>
  /** Takes a step, alone with the row; a step to `done` erases the credential. Null: there is no such migration. */
  take(address: string, step: Step): Promise<Migration | null>
  /** Reads the active migrations of a share, as they are at one moment. */
  readOrders<T>(share: Share, read: (work: CopyWork) => Promise<T>): Promise<T>
}

/** A credential as it lies in the database. */
export interface SealedCredential {
  readonly migrationId: string
  readonly address: string
  readonly sealed: Uint8Array
}

export interface Credentials {
  /** The sealed credentials of active migrations among these. */
  ofActive(migrationIds: readonly string[]): AsyncIterable<SealedCredential>
  /** Replaces the credential of an unfinished migration, and heals what its refusal stopped. */
  renew(address: string, sealed: Uint8Array): Promise<void>
}
