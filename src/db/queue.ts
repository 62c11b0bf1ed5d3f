import { Logger, run, runMigrations, type TaskList } from 'graphile-worker'
import type pg from 'pg'
import type { Worker } from '../policy/copying.ts'

/** Wake-ups for due migrations, shared by all workers of one place: whoever is free takes the next. */
export interface Queue extends AsyncDisposable {
  /** Wakes somebody for each of them, once however often it is said. */
  wake(migrationIds: readonly string[]): Promise<void>
}

const SILENT = new Logger(() => () => undefined)
const POLL_MS = 2_000

/**
 * Works off wake-ups, so many at a time. A wake-up is no lease: it may come twice, or be lost with its worker, and
 * whoever is due is woken again. Disposing waits for what runs.
 */
export async function openQueue(
  pool: pg.Pool,
  { place }: Worker,
  slots: number,
  awake: (migrationId: string) => Promise<void>,
): Promise<Queue> {
  const task = `copy:${place}`
  const tasks: TaskList = {
    [task]: (payload) => awake((payload as { id: string }).id),
  }
  const runner = await run({
    pgPool: pool,
    logger: SILENT,
    concurrency: slots,
    pollInterval: POLL_MS,
    noHandleSignals: true,
    taskList: tasks,
    parsedCronItems: [],
  })
  runner.promise.catch(() => undefined)
  return {
    async wake(migrationIds) {
      // A wake-up that fails is not tried again: as long as the migration is due, there will be another.
      for (const id of migrationIds) await runner.addJob(task, { id }, { jobKey: `m-${id}`, maxAttempts: 1 })
    },
    [Symbol.asyncDispose]: () => runner.stop(),
  }
}

/** The queue's own schema, `graphile_worker`: the library keeps it up to date itself. */
export async function upgradeQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: SILENT })
}
