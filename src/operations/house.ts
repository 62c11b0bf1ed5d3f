import type { AttemptLimit, Hasher } from '../auth/ports.ts'
import type { CopyingHosts } from '../copying/copying-hosts.ts'
import type { Attempts } from '../copying/ports.ts'
import type { Keyring } from '../keys/open-credential.ts'
import type { Endpoints, Sealings, TotpSealer } from '../keys/ports.ts'
import type { Rotation } from '../keys/reseal.ts'
import type { Ledgers } from '../ledger/ports.ts'
import type { By } from '../model/audit.ts'
import type { Ledger } from '../model/ledger.ts'
import type { Provider } from '../model/provider.ts'
import type { Settings } from '../settings.ts'
import type { Source, SourceAnswer } from '../source/ports.ts'
import type { ProbeStep } from '../source/probe.ts'
import type { AdministratorAnswer, AdministratorQuestion } from './administrator-login.ts'
import type { Administrators } from './administrator-ports.ts'
import type { Bulk } from './bulk.ts'
import type { Collisions } from './collisions.ts'
import type { Finished } from './finish.ts'
import type { BadLine, ImportOptions, ImportOutcome, PersonLine } from './import.ts'
import type { Perform } from './operation.ts'
import type { Accounts, Audit, Credentials, Domains, Migrations, Providers } from './ports.ts'
import type { ProviderHealth } from './provider-health.ts'
import type { Report, Scope } from './report.ts'
import type { VerifyAccountOptions } from './verify.ts'

/** What administrators' doors work with; `serve` and the commands may run at the same time. */
export interface House extends AsyncDisposable {
  readonly perform: Perform<House>
  readonly settings: Settings
  readonly database: {
    ready(): Promise<void>
    /** As `ready`, asked now. */
    check(): Promise<void>
    /** Resolves when the database answers at all. */
    reach(): Promise<void>
    /** Applies the pending upgrades and returns their names. */
    upgrade(): Promise<string[]>
  }
  readonly audit: Audit
  readonly providers: Providers
  readonly domains: Domains
  readonly accounts: Accounts
  readonly migrations: Migrations
  readonly credentials: Credentials
  readonly ledgers: Ledgers
  readonly attempts: Attempts
  readonly administrators: Administrators
  /** Makes the panel key when there is none yet. */
  readonly totpSealer: TotpSealer
  /** May this administrator in? */
  signInAdministrator(question: AdministratorQuestion): Promise<AdministratorAnswer>
  readonly bulk: Bulk
  readonly hasher: Hasher
  /** Goes to a provider step by step; a stranger of that domain, where one is given, is tried at last. */
  probe(provider: Provider, stranger?: string): AsyncIterable<ProbeStep>
  /** Counts tests and trial sign-ins. */
  readonly trials: AttemptLimit
  /** Asks a provider whether a password is right there. */
  readonly source: Source
  /** How each provider is, as of the last minute. */
  health(): Promise<ProviderHealth[]>
  /** Renews the password that opens a person's account at the source, after the source accepted it. */
  renewCredential(address: string, password: string, by: By): Promise<SourceAnswer>
  /**
   * Compares an account's mail at the source and the destination message by message, and keeps the result.
   * @throws CouldNotAsk when the source cannot be asked
   */
  verify(address: string, options?: VerifyAccountOptions): Promise<Ledger>
  importPeople(lines: AsyncIterable<PersonLine | BadLine>, options: ImportOptions): Promise<ImportOutcome>
  report(scope: Scope): Promise<Report>
  /** Who wants what somebody else has. */
  readonly collisions: Collisions
  readonly copyingHosts: Pick<CopyingHosts, 'lastAt'>
  /** Finishes a migration; null when there is none. @throws Refusal what only `force` does */
  finish(address: string, force: boolean, by: By): Promise<Finished | null>
  readonly sealings: Pick<Sealings, 'counts'>
  /** Makes a new key, or goes on with the newest, and seals everything to it. */
  rotateKey(by: By, onProgress: (resealed: number) => void): Promise<Rotation>
  /** Takes the old keys away; returns their recipients. @throws Refusal while anything needs them */
  dropOldKeys(by: By): Promise<readonly string[]>
  /** @throws SettingsError when the identity file cannot be read */
  keyring(): Promise<Keyring>
  /** Where this host may send credentials. */
  readonly endpoints: Endpoints
}
