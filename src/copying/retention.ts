import { ERASABLE, type Erasable, type Periods } from '../model/retention.ts'

export interface Retention {
  /** Whether it is time to look again, and nobody else does. */
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
