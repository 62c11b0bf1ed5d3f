import { setTimeout as wait } from 'node:timers/promises'
import type { Watcher } from './worker.ts'
import type { WorkerDeps } from './worker-deps.ts'

const LOOK_MS = 600_000

/** Erases what has become old, now and, unless it is once only, from time to time until it is stopped. */
export async function keepErasing(
  { eraseOld }: Pick<WorkerDeps, 'eraseOld'>,
  watcher: Pick<Watcher, 'trouble'>,
  { once, stop }: { readonly once: boolean; readonly stop: AbortSignal },
): Promise<void> {
  do {
    await eraseOld(stop).catch((error) => watcher.trouble(error))
    if (!once) await wait(LOOK_MS, undefined, { signal: stop, ref: false }).catch(() => undefined)
  } while (!once && !stop.aborted)
}
