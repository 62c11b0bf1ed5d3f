import type { By } from '../model/audit.ts'
import type { Accounts, Domains, Migrations } from '../operations/ports.ts'
import type { Budget } from '../source/budget.ts'
import type { CopyingHosts } from './copying-hosts.ts'
import type { Due } from './ports.ts'
import type { JobDeps } from './run-job.ts'

/** How a worker was asked to work. */
export interface CopyingOptions {
  /** Takes people over whose copying state is elsewhere. */
  readonly takesOver: boolean
  /** One person, now: before the turn, and outside of the provider's window. */
  readonly early: boolean
  /** After so long an attempt is ended. */
  readonly limitMs: number
  /** Who asked for it, when it was a person. */
  readonly by?: By
}

/** What a worker copies mail with. */
export interface CopyingHouse extends AsyncDisposable {
  readonly deps: JobDeps
  readonly budget: Pick<Budget, 'take'>
  readonly copyingHosts: Pick<CopyingHosts, 'of' | 'strandedBesides'>
  readonly accounts: Accounts
  readonly domains: Domains
  readonly migrations: Pick<Migrations, 'find'>
  /** Erases what is kept no longer, until it is stopped. */
  eraseOld(stop: AbortSignal): Promise<void>
  /** Works off wake-ups, so many at a time. Disposing waits for what runs. */
  openQueue(slots: number, awake: (due: Due) => Promise<void>): Promise<WakeUps>
}

export interface WakeUps extends AsyncDisposable {
  wake(due: readonly Due[]): Promise<void>
}
