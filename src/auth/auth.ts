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
  /** Remembers of this person no longer who was let in. */
  forget(address: string): void
}

type OwnDeps = 'authCache' | 'sourceRefusals' | 'digest' | 'onProvisioned'

export interface OpenAuthDeps extends Omit<LoginDeps, OwnDeps> {
  readonly authCacheTtl: Ttl
  /**
   * Calls back with the address of each account that changes; with null, when anything may have. Null: nobody hears of
   * changes, and nothing is cached.
   */
  readonly listen: ((forget: (address: string | null) => void) => Listening) | null
}

interface Listening extends Disposable {
  isListening(): boolean
}

/** Dispose to hear of no more changes. */
export function openAuth(deps: OpenAuthDeps): Auth & Disposable {
  const authCache = new AuthCache(deps.authCacheTtl, () => listening?.isListening() ?? false)
  const sourceRefusals = new AuthCache({ ...deps.authCacheTtl, ttlMs: 0 }, () => true)
  const forget = (address: string | null) => {
    authCache.forget(address)
    // What the source refuses does not depend on an account.
    if (address === null) sourceRefusals.forget(null)
  }
  const listening = deps.listen?.(forget)
  return {
    login: answerLogins({ ...deps, authCache, sourceRefusals, digest: keyedDigest(), onProvisioned: forget }),
    lookUp: (username) => lookUp(username, deps),
    addresses: () => allAddresses(deps.userdb),
    forget,
    [Symbol.dispose]: () => listening?.[Symbol.dispose](),
  }
}
