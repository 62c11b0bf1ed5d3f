import { setTimeout as wait } from 'node:timers/promises'
import { ERASABLE, type Erasable, type Periods } from '../model/retention.ts'
import type { Watcher } from './worker.ts'
import type { WorkerDeps } from './worker-deps.ts'

const CHECK_MS = 600_000

export interface Retention {
  /** Whether it is time to look again, and no other worker does. */
  begin(what: Erasable, days: number): Promise<boolean>
  /** Erases some of what is older than so many days; false: nothing is left. */
  erase(what: Erasable, days: number, actor: string): Promise<boolean>
}

/** Erases what is older than it is kept, piece by piece, until nothing is left of it or it is stopped. */
export async function eraseOld(
  periods: Periods,
  actor: string,
  retention: Retention,
  stop: AbortSignal,
): Promise<void> {
  for (const what of ERASABLE) {
    const days = periods[what]
    if (stop.aborted || !(await retention.begin(what, days)) || days === 0) continue
    while (!stop.aborted && (await retention.erase(what, days, actor)));
  }
}

/** Erases what has become old, now and, unless `once`, every ten minutes until it is stopped. */
export async function keepErasing(
  { eraseOld }: Pick<WorkerDeps, 'eraseOld'>,
  watcher: Pick<Watcher, 'trouble'>,
  { once, stop }: { readonly once: boolean; readonly stop: AbortSignal },
): Promise<void> {
  do {
    await eraseOld(stop).catch((error) => watcher.trouble(error))
    if (!once) await wait(CHECK_MS, undefined, { signal: stop, ref: false }).catch(() => undefined)
  } while (!once && !stop.aborted)
}
