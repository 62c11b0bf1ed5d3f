import { setTimeout as wait } from 'node:timers/promises'
import type { Stranded } from './copying-hosts.ts'
import { Leases } from './leases.ts'
import type { Due, Job } from './ports.ts'
import type { JobReport } from './run-job.ts'
import type { CopyingHouse, WakeUps } from './worker-deps.ts'

/** What a worker tells of its work. */
export interface Watcher {
  begun(job: Job): void
  message(): void
  ended(report: JobReport): void
  /** Something else went wrong; the worker goes on. */
  trouble(error: unknown): void
  /** How many wait for a turn and are at work, on all hosts. */
  counted(count: { waiting: number; running: number }): void
  /** Who is due and will not be copied, here or elsewhere; told again when it changes. */
  stranded(all: readonly Stranded[]): void
}

export interface WorkOptions {
  readonly slots: number
  /** End when all that was due at the beginning has had its turn. */
  readonly once: boolean
  /** Aborted: take no more work, end what runs. */
  readonly stop: AbortSignal
}

const PLAN_MS = 1_000
// However short the turns are, no more often than this are people woken, for so many turns of each slot.
const LEAST_PLAN_MS = 100
const TURNS_AHEAD = 8
const RETRY_MS = 5_000
// Counting a hundred thousand people takes its time: so many times as long it is left alone.
const COUNT_REST = 20
// A wake-up that came to nothing is repeated after this.
const WOKEN_MS = 3_000

/**
 * Takes turns until it is stopped, or with `once` until nobody waits any more.
 * @returns who was due at the end, and is copied by nobody
 */
export async function work(
  house: Pick<CopyingHouse, 'deps' | 'budget' | 'copyingHosts' | 'openQueue'>,
  watcher: Watcher,
  { slots, once, stop }: WorkOptions,
): Promise<readonly Stranded[]> {
  const { jobs, worker } = house.deps
  const until = once ? await jobs.clock() : undefined
  using leases = new Leases(house.deps)
  const bell = new Bell()

  async function awake({ migrationId, provider }: Due): Promise<void> {
    try {
      using seat = stop.aborted ? null : await house.budget.take(provider, 'copying', { limitMs: 0 })
      if (seat === null) return
      const leased = await leases.take(migrationId)
      if (leased === null) return
      watcher.begun(leased.job)
      watcher.ended(await leases.run(leased, seat, { onMessage: watcher.message }))
      // There is room for the next.
      bell.ring()
    } catch (error) {
      watcher.trouble(error)
    }
  }

  stop.addEventListener('abort', () => {
    leases.stop()
    bell.ring()
  })
  await using queue = await house.openQueue(slots, awake)
  const woken = new Woken(queue)
  let nextCount = 0
  let stranded: readonly Stranded[] = []
  while (!stop.aborted) {
    try {
      const due = await jobs.due(worker, TURNS_AHEAD * slots, until)
      await woken.wake(due)
      const now = performance.now()
      if (due.length === 0 || now > nextCount) {
        const count = await jobs.count(worker, until)
        stranded = await house.copyingHosts.strandedBesides(worker.copyingHost)
        nextCount = now + Math.max(PLAN_MS, COUNT_REST * (performance.now() - now))
        watcher.counted(count)
        watcher.stranded(stranded)
        if (once && count.waiting + count.running === 0 && leases.size === 0) return stranded
      }
      await wait(LEAST_PLAN_MS)
      await bell.rest(PLAN_MS - LEAST_PLAN_MS)
    } catch (error) {
      watcher.trouble(error)
      await bell.rest(RETRY_MS)
    }
  }
  return stranded
}

/** Cuts a rest short, also the next one when it rings before. */
class Bell {
  #rung = new AbortController()

  ring(): void {
    this.#rung.abort()
  }

  async rest(limitMs: number): Promise<void> {
    await wait(limitMs, undefined, { signal: this.#rung.signal }).catch(() => undefined)
    this.#rung = new AbortController()
  }
}

/** Wakes nobody twice within a short time. */
class Woken {
  readonly #queue: WakeUps
  readonly #at = new Map<string, number>()

  constructor(queue: WakeUps) {
    this.#queue = queue
  }

  async wake(due: readonly Due[]): Promise<void> {
    const now = performance.now()
    for (const [id, at] of this.#at) if (now - at > WOKEN_MS) this.#at.delete(id)
    const fresh = due.filter(({ migrationId }) => !this.#at.has(migrationId))
    await this.#queue.wake(fresh)
    for (const { migrationId } of fresh) this.#at.set(migrationId, now)
  }
}
