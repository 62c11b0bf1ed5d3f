import type { Connection } from '../source/budget.ts'
import type { Interruption, Job } from './ports.ts'
import { type JobDeps, type JobReport, type JobRun, runJob } from './run-job.ts'

const RENEW_MS = 5_000
// Well before others may take over what could not be renewed.
const LOST_MS = 20_000

/** A turn that was leased. */
export interface Leased {
  readonly job: Job
  /** Before it was asked for: the lease may be as old as that, however late the answer came. */
  readonly askedAt: number
}

interface Running {
  readonly interrupt: AbortController
  renewedAt: number
  /** Copied so far. */
  messages: number
}

/** The turns that run in this process, and their leases: who loses the lease stops copying before another begins. */
export class Leases implements Disposable {
  readonly #deps: JobDeps
  readonly #running = new Map<string, Running>()
  readonly #timer: NodeJS.Timeout
  #renewing = false

  constructor(deps: JobDeps) {
    this.#deps = deps
    this.#timer = setInterval(() => this.#renew(), RENEW_MS)
  }

  get size(): number {
    return this.#running.size
  }

  /** Leases a turn; null: it is not to be had. */
  async take(migrationId: string): Promise<Leased | null> {
    const askedAt = performance.now()
    const { jobs, worker } = this.#deps
    const job = await jobs.take(migrationId, worker)
    return job && { job, askedAt }
  }

  /** Takes the turn that was leased, to its end, with one connection to the source at a time. */
  async run({ job, askedAt }: Leased, seat: Connection, { onMessage }: Pick<JobRun, 'onMessage'>): Promise<JobReport> {
    const running: Running = { interrupt: new AbortController(), renewedAt: askedAt, messages: 0 }
    this.#running.set(job.migrationId, running)
    const yieldSeat = () => abort(running.interrupt, seat.signal.reason)
    seat.signal.addEventListener('abort', yieldSeat)
    if (seat.signal.aborted) yieldSeat()
    const count = () => {
      running.messages++
      onMessage()
    }
    try {
      return await runJob(job, this.#deps, { signal: running.interrupt.signal, onMessage: count })
    } finally {
      this.#running.delete(job.migrationId)
    }
  }

  /** Asks all that runs to end in order. */
  stop(): void {
    for (const { interrupt } of this.#running.values()) abort(interrupt, 'stopped')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #renew(): Promise<void> {
    const asked = [...this.#running]
    const askedAt = performance.now()
    for (const [, { interrupt, renewedAt }] of asked) {
      if (askedAt - renewedAt > LOST_MS) abort(interrupt, 'lost-lock')
    }
    if (this.#renewing || asked.length === 0) return
    this.#renewing = true
    try {
      const { jobs, worker } = this.#deps
      const held = await jobs.renew(worker, new Map(asked.map(([id, { messages }]) => [id, messages])))
      for (const [id, running] of asked) judge(running, held.get(id), askedAt)
    } catch {
      // The database is away: the next beat asks again, or gives up.
    } finally {
      this.#renewing = false
    }
  }
}

/** @param isToBeCopied undefined: the lease is somebody else's now */
function judge(running: Running, isToBeCopied: boolean | undefined, askedAt: number): void {
  if (isToBeCopied === undefined) abort(running.interrupt, 'lost-lock')
  else running.renewedAt = askedAt
  if (isToBeCopied === false) abort(running.interrupt, 'stopped')
}

function abort(interrupt: AbortController, reason: Interruption): void {
  if (!interrupt.signal.aborted) interrupt.abort(reason)
}
