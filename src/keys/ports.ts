import type { Endpoint } from '../model/endpoint.ts'

/** What opens an account at the source, and whose it is. */
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
