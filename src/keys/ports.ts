import type { Change } from '../model/audit.ts'
import type { Endpoint } from '../model/endpoint.ts'

/** Opens an account at the source. */
export interface Credential {
  /**
   * The account's address on the destination, so that a sealed credential cannot be moved to another account unnoticed.
   */
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

/** A credential as it lies in the database. */
export interface SealedCredential {
  readonly migrationId: string
  readonly address: string
  readonly sealed: Uint8Array
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
  /** Null: none was approved yet. @throws when it cannot tell */
  approved(provider: string): Endpoint | null
  /** The file that says so; null: there is none. @throws when it cannot tell */
  keptIn(provider: string): string | null
  /** Approves an endpoint; false: another one is approved already. @throws when it cannot be kept */
  trust(provider: string, endpoint: Endpoint): boolean
  /** Approves an endpoint in the place of another. @throws when it cannot be kept */
  approve(provider: string, endpoint: Endpoint): void
}

/** Which keys open the credentials. */
export interface Sealings {
  /** Does the work while nobody else does it; null when somebody does. */
  alone<T>(work: () => Promise<T>): Promise<T | null>
  /** How many credentials are sealed to which recipients, by short names; null: nobody wrote them down. */
  counts(): Promise<{ to: readonly string[] | null; count: number }[]>
  /** Credentials that are sealed to others than these, by number, after that one, with the names of their providers. */
  otherThan(
    to: readonly string[],
    after: string,
    limit: number,
  ): Promise<(SealedCredential & { readonly provider: string })[]>
  /** Replaces those that are still what they were; all are sealed to the same. Returns how many. */
  replace(renewed: readonly { before: SealedCredential; sealed: Sealed }[]): Promise<number>
  /**
   * From now on nothing is stored that is sealed to retired recipients alone. Returns how many credentials are not
   * sealed to the newest: then nothing is retired.
   */
  retire(recipients: readonly string[], newest: string): Promise<number>
  /** A key that was retired is there again. */
  reinstate(recipient: string): Promise<void>
  /** Whether what is sealed to these would not be stored. */
  isRetired(to: readonly string[]): Promise<boolean>
}

/** A service that answers sign-ins, as it last announced itself. */
export interface Instance {
  readonly host: string
  /** Short names of recipients. */
  readonly sealsTo: readonly string[]
  readonly seenAt: Date
}

export interface Instances {
  /** The time of the database. */
  clock(): Promise<Date>
  /** Those that announced themselves lately. */
  live(): Promise<Instance[]>
}

/** What is done with keys is written down. */
export interface AuditLog {
  record(subject: string, change: Change): Promise<void>
}

/** Keeps the secrets of one-time codes, each for one administrator only. */
export interface TotpSealer {
  seal(name: string, secret: Uint8Array): Uint8Array
  /** Throws when it was sealed for another name, or under another key. */
  open(name: string, sealed: Uint8Array): Uint8Array
}
