import type { AttemptLimit, Hasher, Userdb } from '../auth/ports.ts'
import type { CopyingHosts } from '../copying/copying-hosts.ts'
import type { Attempts, SourceBytes } from '../copying/ports.ts'
import type { Keyring } from '../keys/open-credential.ts'
import type { Endpoints, Sealer, Sealings, TotpSealer } from '../keys/ports.ts'
import type { Rotation } from '../keys/reseal.ts'
import type { VerifyDeps } from '../ledger/verify.ts'
import type { By } from '../model/audit.ts'
import type { Provider } from '../model/provider.ts'
import type { ProbeMx } from '../routing/mx-probe.ts'
import type { Settings } from '../settings.ts'
import type { Budget } from '../source/budget.ts'
import type { Source } from '../source/ports.ts'
import type { AtOnce, ManageSieve, ProbeStep } from '../source/probe.ts'
import type { AdministratorAnswer, AdministratorQuestion } from './administrator-login.ts'
import type { Administrators } from './administrator-ports.ts'
import type { Aliases } from './aliases.ts'
import type { Backups } from './backups.ts'
import type { Boards } from './board-look.ts'
import type { Collisions } from './collisions.ts'
import type { Transitions } from './migration-changes.ts'
import type { OnlyAtSourceList } from './only-at-source.ts'
import type { Perform } from './operation.ts'
import type { Accounts, Audit, Credentials, Domains, Imports, Migrations, Providers } from './ports.ts'
import type { ProviderHealth } from './provider-health.ts'
import type { Copying, Reports } from './report.ts'
import type { Standing } from './standing.ts'

/** What operations are handed; `serve` and commands may run at the same time. */
export interface OperationDeps extends VerifyDeps {
  readonly settings: Settings
  readonly database: {
    ready(): Promise<void>
    /** As `ready`, asked now. */
    check(): Promise<void>
    /** Resolves when the database answers at all. */
    reach(): Promise<void>
    /** Its time of day. */
    clock(): Promise<Date>
    /** Name and version of the server. */
    product(): Promise<string>
    /** The names of the upgrades that it has. */
    schema(): Promise<string[]>
    /** Applies the pending upgrades and returns their names. */
    upgrade(): Promise<string[]>
  }
  readonly backups: Backups
  /** How the whole move stands, in numbers. */
  standing(): Promise<Standing>
  readonly audit: Audit
  readonly providers: Providers
  readonly domains: Domains
  readonly accounts: Accounts
  readonly aliases: Aliases
  readonly migrations: Migrations
  readonly credentials: Credentials
  readonly attempts: Attempts
  readonly sourceBytes: SourceBytes
  readonly administrators: Administrators
  /** Makes the panel key when there is none yet. */
  readonly totpSealer: TotpSealer
  /** May this administrator in? */
  signInAdministrator(question: AdministratorQuestion): Promise<AdministratorAnswer>
  readonly transitions: Transitions
  readonly userdb: Userdb
  readonly hasher: Hasher
  readonly sealer: Sealer
  /** Goes to a provider step by step; a stranger of that domain, where one is given, is tried at last. */
  probe(provider: Provider, stranger?: string): AsyncIterable<ProbeStep>
  /** How many connections at once a provider takes from here, up to so many; nobody signs in. */
  connectionsAtOnce(provider: Provider, most: number): Promise<AtOnce>
  /** Whether a provider has ManageSieve; nobody signs in. */
  manageSieve(provider: Provider): Promise<ManageSieve>
  /** Goes to an MX step by step, and sends nothing. */
  readonly probeMx: ProbeMx
  /** Counts tests and trial sign-ins. */
  readonly testLimit: AttemptLimit
  /** Asks a provider whether a password is right there. */
  readonly source: Source
  /** How each provider is, as of the last minute. */
  health(): Promise<ProviderHealth[]>
  /** The same of those that are known by now. */
  latestHealth(): Promise<ProviderHealth[]>
  readonly budget: Budget
  readonly imports: Imports
  readonly reports: Reports
  /** How the move goes at this moment. */
  readonly boards: Boards
  readonly onlyAtSource: OnlyAtSourceList
  readonly copying: Copying
  /** Who wants what somebody else has. */
  readonly collisions: Collisions
  readonly copyingHosts: Pick<CopyingHosts, 'able' | 'lastAt' | 'stranded' | 'workersFor'>
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

/** What the interfaces in front of operations are handed. */
export interface Deps extends OperationDeps {
  readonly perform: Perform<OperationDeps>
}
