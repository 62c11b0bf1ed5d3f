import { setTimeout as pause } from 'node:timers/promises'
import { NotFlipped } from '../model/not-flipped.ts'
import type { Flips } from './flip-ports.ts'

/** Nobody waits for longer, whatever happens. */
export const HELD_LIMIT_MS = 20_000
/** All work while somebody is held ends well before that. */
export const WORK_LIMIT_MS = 17_000
/** A service that lives confirms at once. */
const CONFIRM_LIMIT_MS = 5_000
export const LOOK_AGAIN_MS = 20
export const TOO_LONG = 'the flip took longer than anybody may be held'

/** Waits until no service has an answer of before the hold on its way. @throws when one does not say so */
export async function confirmed(
  hold: string,
  { flips }: { flips: Pick<Flips, 'unconfirmed'> },
  signal: AbortSignal,
): Promise<void> {
  for (const begun = performance.now(); ; await pause(LOOK_AGAIN_MS, undefined, { signal })) {
    const waiting = await flips.unconfirmed(hold)
    if (waiting.length === 0) return
    if (performance.now() - begun > CONFIRM_LIMIT_MS)
      throw new NotFlipped(`"postferry serve" on ${waiting.join(', ')} does not confirm that it holds`)
  }
}

/** What has ended the work: whatever its time has cut short fails in its own words. */
export function causeOf(error: unknown, late: AbortSignal): unknown {
  return late.aborted ? new NotFlipped(TOO_LONG) : error
}
