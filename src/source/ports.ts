import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'

/** An account at the source. */
export interface SourceMailbox {
  readonly provider: Provider
  readonly oldDomain: string
  readonly oldUsername: string
}

/** What the source said. `trouble` is everything that is neither yes nor no. */
export type SourceAnswer =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no' }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'trouble'
      readonly code: Code
      readonly cause: unknown
      /**
       * Whether the source said anything, its greeting at least: it is alive, whatever became of the login.
       */
      readonly answered: boolean
      /** For so long it asks to be left alone. Missing: it does not. */
      readonly waitMs?: number
    }

/** A login at the source. */
export interface SourceLogin {
  readonly provider: Provider
  readonly username: string
  readonly password: string
  /** IP address of the person's client; null: unknown. */
  readonly clientAddress: string | null
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Told before the answer when the source still has the connection, and until when. */
  onLeaving?(gone: Promise<void>): void
}

export interface Source {
  /** Never throws; answers within its own time limit. */
  ask(question: SourceLogin): Promise<SourceAnswer>
}

export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const

/** How a provider's connections are used in this process. */
export interface ProviderStatus {
  readonly provider: string
  readonly breaker: (typeof BREAKER_STATES)[number]
  /** Logins under way. */
  readonly running: number
  /** Logins that wait for a connection. */
  readonly waiting: number
}

/** What a login spends its time on. */
export type Effort = 'hash' | 'old' | 'database'

/** Does work, and notes how long it took. */
export type Time = <T>(effort: Effort, work: () => Promise<T>) => Promise<T>
