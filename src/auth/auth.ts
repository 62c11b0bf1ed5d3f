import type { Account } from '../model/account.ts'
import type { Verdict } from '../model/verdict.ts'
import { AuthCache, type Ttl } from './auth-cache.ts'
import { keyedDigest } from './keyed-digest.ts'
import { answerLogins, type LoginDeps, type LoginRequest } from './login.ts'
import { allAddresses, lookUp } from './userdb.ts'

/** What Dovecot asks. */
export interface Auth {
  /** May this person in? */
  login(request: LoginRequest): Promise<Verdict>
  /** The account of a person; null: there is none. Throws when it cannot tell. */
  lookUp(username: string): Promise<Account | null>
  /** Everybody who has an account, in pages. */
  addresses(): AsyncGenerator<readonly string[]>
}

type OwnDeps = 'authCache' | 'sourceRefusals' | 'digest' | 'onProvisioned'

export interface OpenAuthDeps extends Omit<LoginDeps, OwnDeps> {
  readonly authCacheTtl: Ttl
  /** Whether changes of accounts are heard of; while they are not, nothing is cached. */
  isListening(): boolean
}

/** Auth, and what to call when an account has changed; with null, when anything may have. */
export function openAuth(deps: OpenAuthDeps): Auth & { forget(address: string | null): void } {
  const authCache = new AuthCache(deps.authCacheTtl, deps.isListening)
  const sourceRefusals = new AuthCache({ ...deps.authCacheTtl, ttlMs: 0 }, () => true)
  const forget = (address: string | null) => {
    authCache.forget(address)
    // What the source refuses does not depend on an account.
    if (address === null) sourceRefusals.forget(null)
  }
  return {
    login: answerLogins({ ...deps, authCache, sourceRefusals, digest: keyedDigest(), onProvisioned: forget }),
    lookUp: (username) => lookUp(username, deps),
    addresses: () => allAddresses(deps.userdb),
    forget,
  }
}
