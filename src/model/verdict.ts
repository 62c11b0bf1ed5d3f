import type { Account } from './account.ts'
import type { SessionRoute } from './session-route.ts'

/** Why a login attempt could not be decided. Stable words: clients and dashboards rely on them. */
export type Code =
  | 'old-unreachable'
  | 'old-timeout'
  | 'old-tls'
  | 'old-busy'
  | 'old-protocol'
  | 'breaker-open'
  | 'throttled'
  | 'collision'
  | 'held'
  | 'database'
  | 'internal'

/** The answer to "may this person in?": yes, no (in three ways), or could not ask. */
export type Verdict =
  | Ok
  | { readonly verdict: 'mismatch' }
  | { readonly verdict: 'disabled' }
  | { readonly verdict: 'expired' }
  | Tempfail

export interface Ok {
  readonly verdict: 'ok'
  readonly account: Account
  /** Something is left to be done at the next sign-in: this answer is not to be given again. */
  readonly isProvisional?: boolean
  /** Where the session goes; missing: nobody asked. */
  readonly route?: SessionRoute
}

export interface Tempfail {
  readonly verdict: 'tempfail'
  readonly code: Code
  /** For the log only; no client sees it. */
  readonly cause?: unknown
}

export const MISMATCH: Verdict = { verdict: 'mismatch' }
export const DISABLED: Verdict = { verdict: 'disabled' }
export const EXPIRED: Verdict = { verdict: 'expired' }

export function tempfail(code: Code, cause?: unknown): Tempfail {
  return { verdict: 'tempfail', code, cause }
}
