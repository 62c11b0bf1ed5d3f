import type { By } from '../model/audit.ts'
import type { Accounts, Domains, Migrations } from '../operations/ports.ts'
import type { Budget } from '../source/budget.ts'
import type { CopyingHosts } from './copying-hosts.ts'
import type { JobDeps } from './run-job.ts'

/** How a worker was asked to work. */
export interface CopyingOptions {
  /** Claims jobs of copying hosts where no worker runs, too. */
  readonly takesOver: boolean
  /** One person, now: before the job is due, and outside of the provider's window. */
  readonly early: boolean
  /** After so long an attempt is ended. */
  readonly limitMs: number
  /** Who asked for it, when it was a person. */
  readonly by?: By
}

/** What a worker copies mail with. */
export interface WorkerDeps extends AsyncDisposable {
  readonly jobDeps: JobDeps
  readonly budget: Pick<Budget, 'take'>
  readonly copyingHosts: Pick<CopyingHosts, 'of' | 'strandedBesides'>
  readonly accounts: Accounts
  readonly domains: Domains
  readonly migrations: Pick<Migrations, 'find'>
  /** Erases what is kept no longer, until it is stopped. */
  eraseOld(stop: AbortSignal): Promise<void>
  /** Calls once when the schema has become newer than this program. Dispose to stop. */
  watchSchema(onNewer: (reason: Error) => void): Disposable
  /** Calls when jobs may have become due otherwise than by the clock. Dispose to stop. */
  listen(onDue: () => void): Disposable
}
