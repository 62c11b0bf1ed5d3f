import { setTimeout as wait } from 'node:timers/promises'
import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker'
import type pg from 'pg'
import type { Due, Worker } from '../copying/ports.ts'

/** Wake-ups for due migrations, shared by all workers of one place: whoever is free takes the next. */
export interface Queue extends AsyncDisposable {
  /** Wakes somebody for each of them, once however often it is said. */
  wake(due: readonly Due[]): Promise<void>
}

const SILENT = new Logger(() => () => undefined)
const POLL_MS = 2_000
const RESTART_MS = 1_000

/**
 * Works off wake-ups, so many at a time. A wake-up is no lease: it may come twice, or be lost with its worker, and
 * whoever is due is woken again. Disposing waits for what runs.
 */
export async function openQueue(
  pool: pg.Pool,
  { copyingHost }: Worker,
  slots: number,
  awake: (due: Due) => Promise<void>,
): Promise<Queue> {
  const task = `copy:${copyingHost}`
  const start = () =>
    run({
      pgPool: pool,
      logger: SILENT,
      concurrency: slots,
      pollInterval: POLL_MS,
      noHandleSignals: true,
      taskList: { [task]: (payload) => awake(payload as Due) },
      parsedCronItems: [],
      // Without batches the library loses the error of an end that it cannot write, and with it the process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    })
  const utils = await makeWorkerUtils({ pgPool: pool, logger: SILENT })
  const stopped = new AbortController()
  let runner = await start()

  // The library gives up when the database is away at the wrong moment.
  async function keepRunning(): Promise<void> {
    while (!stopped.signal.aborted) {
      await runner.promise.catch(() => undefined)
      if (stopped.signal.aborted) return
      await wait(RESTART_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
      if (!stopped.signal.aborted) runner = await start().catch(() => runner)
    }
  }
  const kept = keepRunning()
  return {
    async wake(due) {
      // A wake-up that fails is not tried again: as long as the migration is due, there will be another.
      const one = { identifier: task, maxAttempts: 1 }
      const wakeUps = due.map((payload) => ({ ...one, payload, jobKey: `m-${payload.migrationId}` }))
      if (wakeUps.length > 0) await utils.addJobs(wakeUps)
    },
    async [Symbol.asyncDispose]() {
      stopped.abort()
      // It has stopped already where the database was away.
      await runner.stop().catch(() => undefined)
      await kept
      await utils.release()
    },
  }
}

/** The queue's own schema, `graphile_worker`: the library keeps it up to date itself. */
export async function upgradeQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: SILENT })
}
