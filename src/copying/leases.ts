import type { Connection } from '../source/budget.ts'
import type { Brought, Interruption, Job, Wanted } from './ports.ts'
import { type JobDeps, type JobReport, type JobRun, runJob } from './run-job.ts'
import { Totals } from './totals.ts'
import type { Tracking } from './tracking.ts'

const RENEW_MS = 5_000
// Well before another worker may claim a job whose lease could not be renewed.
const LOST_MS = 20_000

/** A job that was leased. */
export interface Leased {
  readonly job: Job
  /** When the claim was sent: the lease may be that old, however late the answer came. */
  readonly askedAt: number
}

interface Running {
  readonly interrupt: AbortController
  renewedAt: number
  /** Messages copied so far. */
  messages: number
  tracking: Tracking | null
}

/** The jobs that run in this process, and their leases: one that loses its lease ends before another worker begins. */
export class Leases implements Disposable {
  readonly #deps: JobDeps
  readonly #running = new Map<string, Running>()
  readonly #totals: Totals
  readonly #timer: NodeJS.Timeout
  #renewing = false
  #isStopped = false

  constructor(deps: JobDeps) {
    this.#deps = deps
    this.#totals = new Totals(deps.totals)
    this.#timer = setInterval(() => this.#renew(), RENEW_MS)
  }

  /** Leases a job; null: none is available. */
  async claim(wanted: Wanted, until?: Date): Promise<Leased | null> {
    const askedAt = performance.now()
    const { jobs, worker } = this.#deps
    const job = await jobs.claim(worker, wanted, until)
    if (job === null) return null
    // The lease of a run of before was over: to the database both are this worker's.
    const former = this.#running.get(job.migrationId)
    if (former !== undefined) abort(former.interrupt, 'lost-lock')
    return { job, askedAt }
  }

  /** Runs a leased job to its end, with one connection to the source at a time. */
  async run(
    { job, askedAt }: Leased,
    connection: Connection,
    { onMessage }: Pick<JobRun, 'onMessage'>,
  ): Promise<JobReport> {
    const running: Running = { interrupt: new AbortController(), renewedAt: askedAt, messages: 0, tracking: null }
    this.#running.set(job.migrationId, running)
    if (this.#isStopped) abort(running.interrupt, 'stopped')
    const giveWay = () => abort(running.interrupt, connection.signal.reason)
    connection.signal.addEventListener('abort', giveWay)
    if (connection.signal.aborted) giveWay()
    const count = () => {
      running.messages++
      onMessage()
    }
    const { name: provider } = job.order.provider
    const onBrought = ({ engine, bytes }: Brought) => this.#totals.add({ provider, engine, messages: 1, bytes })
    try {
      const track = (tracking: Tracking) => {
        running.tracking = tracking
      }
      const { signal } = running.interrupt
      return await runJob(job, this.#deps, { signal, onMessage: count, onBrought, track })
    } finally {
      if (this.#running.get(job.migrationId) === running) this.#running.delete(job.migrationId)
      await this.#totals.write()
    }
  }

  /** Ends in order what runs, and whatever is run from now on. */
  stop(): void {
    this.#isStopped = true
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
      const copied = asked.map(([id, { messages, tracking }]) => {
        return [id, { messages, progress: tracking?.progress() ?? null }] as const
      })
      const held = await jobs.renew(worker, new Map(copied))
      for (const [id, running] of asked) judge(running, held.get(id), askedAt)
      await this.#totals.write()
    } catch {
      // The database is away: the next renewal tries again, or gives up.
    } finally {
      this.#renewing = false
    }
  }
}

/** @param isToBeCopied undefined: another worker has the lease */
function judge(running: Running, isToBeCopied: boolean | undefined, askedAt: number): void {
  if (isToBeCopied === undefined) abort(running.interrupt, 'lost-lock')
  else running.renewedAt = askedAt
  if (isToBeCopied === false) abort(running.interrupt, 'stopped')
}

function abort(interrupt: AbortController, reason: Interruption): void {
  if (!interrupt.signal.aborted) interrupt.abort(reason)
}
