import { setTimeout as wait } from 'node:timers/promises'
import type { Connection } from '../source/budget.ts'
import type { Stranded } from './copying-hosts.ts'
import { type Leased, Leases } from './leases.ts'
import type { Job } from './ports.ts'
import type { JobReport } from './run-job.ts'
import { Turns } from './turns.ts'
import type { WorkerDeps } from './worker-deps.ts'

/** What a worker tells of its work. */
export interface Watcher {
  begun(job: Job): void
  message(): void
  ended(report: JobReport): void
  /** Something else went wrong; the worker goes on. */
  trouble(error: unknown): void
  /** How many jobs wait and run, on all hosts. */
  counted(count: { waiting: number; running: number }): void
  /** Who is due and will not be copied, here or elsewhere; told again when it changes. */
  stranded(all: readonly Stranded[]): void
}

export interface WorkOptions {
  /** How many jobs run at a time. */
  readonly slots: number
  /** End when all jobs that were due at the beginning have run. */
  readonly once: boolean
  /** Aborted: claim no more, end what runs. */
  readonly stop: AbortSignal
  /** Aborted: claim no more, and finish what runs. */
  readonly drain?: AbortSignal
}

/** Jobs become due by the clock, and windows open, without a word. */
const POLL_MS = 1_000
/** However much is announced, no more often than this does a worker that found nothing look again. */
const LEAST_POLL_MS = 100
const RETRY_MS = 5_000
/** Counting a hundred thousand jobs takes its time: so many times as long passes before the next count. */
const COUNT_REST = 20

/**
 * Runs jobs until it is stopped, or with `once` until none waits any more.
 * @returns who was due at the end, and is copied by nobody
 */
export async function work(deps: WorkDeps, watcher: Watcher, options: WorkOptions): Promise<readonly Stranded[]> {
  const { slots, once, stop, drain } = options
  const isOver = () => stop.aborted || drain?.aborted
  const { jobs, worker } = deps.jobDeps
  const until = once ? await jobs.clock() : undefined
  const turns = new Turns(jobs, worker, until)
  using leases = new Leases(deps.jobDeps)
  const bell = new Bell()
  using _listening = deps.listen(() => bell.ring())
  stop.addEventListener('abort', () => {
    leases.stop()
    bell.ring()
  })
  drain?.addEventListener('abort', () => bell.ring())
  const running = new Set<Promise<void>>()
  let nextCount = 0
  let stranded: readonly Stranded[] = []

  function start(claimed: Claimed): void {
    const run = runClaimed(claimed, leases, watcher).finally(() => {
      running.delete(run)
      bell.ring()
    })
    running.add(run)
  }

  async function recount(): Promise<number> {
    const startedAt = performance.now()
    const count = await jobs.count(worker, until)
    stranded = await deps.copyingHosts.strandedBesides(worker.copyingHost)
    nextCount = performance.now() + Math.max(POLL_MS, COUNT_REST * (performance.now() - startedAt))
    watcher.counted(count)
    watcher.stranded(stranded)
    return count.waiting + count.running
  }

  while (!isOver()) {
    try {
      const isFull = running.size === slots
      const claimed = isFull ? null : await turns.first((provider) => claimNext(provider, deps, leases, until))
      if (claimed !== null) start(claimed)
      const isIdle = running.size === 0
      if ((once && isIdle) || performance.now() > nextCount) {
        if ((await recount()) === 0 && once && isIdle) break
      }
      if (claimed === null) await bell.rest(isFull ? 0 : LEAST_POLL_MS, POLL_MS)
    } catch (error) {
      watcher.trouble(error)
      await bell.rest(LEAST_POLL_MS, RETRY_MS)
    }
  }
  await Promise.all(running)
  return stranded
}

export type WorkDeps = Pick<WorkerDeps, 'jobDeps' | 'budget' | 'copyingHosts' | 'listen'>

/** A job, and the connection to the source for it. */
interface Claimed {
  readonly leased: Leased
  readonly connection: Connection
}

/** Claims a provider's next job; null: there is none, or no connection for it. */
async function claimNext(
  provider: string,
  { budget }: WorkDeps,
  leases: Leases,
  until?: Date,
): Promise<Claimed | null> {
  using held = new DisposableStack()
  const connection = held.use(await budget.take(provider, 'copying', { limitMs: 0 }))
  const leased = connection && (await leases.claim({ provider }, until))
  if (connection === null || leased === null) return null
  held.move()
  return { leased, connection }
}

async function runClaimed({ leased, connection }: Claimed, leases: Leases, watcher: Watcher): Promise<void> {
  using _ = connection
  try {
    watcher.begun(leased.job)
    watcher.ended(await leases.run(leased, connection, { onMessage: watcher.message }))
  } catch (error) {
    watcher.trouble(error)
  }
}

/** Cuts a rest short, also the next one when it rings before. */
class Bell {
  #rung = new AbortController()

  ring(): void {
    this.#rung.abort()
  }

  /** Between the least and the most, until it rings. */
  async rest(leastMs: number, mostMs: number): Promise<void> {
    if (leastMs > 0) await wait(leastMs)
    await wait(mostMs - leastMs, undefined, { signal: this.#rung.signal }).catch(() => undefined)
    this.#rung = new AbortController()
  }
}
