import { setTimeout as pause } from 'node:timers/promises'
import { NotFlipped } from '../model/not-flipped.ts'
import type { Flips } from './flip-ports.ts'

/** Nobody waits for longer, whatever happens. */
export const HELD_LIMIT_MS = 20_000
/** All work while somebody is held ends well before that. */
export const WORK_LIMIT_MS = 17_000
/** A service that lives confirms at once. */
const CONFIRM_LIMIT_MS = 5_000
const LOOK_AGAIN_MS = 20
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

/** How often the source may change while nobody who comes through here can change it. */
export const MOST_ROUNDS = 5
const KICKS = 100

/**
 * Kicks until nobody is left.
 * @param end whether there was anybody
 * @param server whose sessions they are
 * @returns whether there were any
 */
export async function endSessions(
  end: () => Promise<boolean>,
  server: 'old' | 'new',
  signal: AbortSignal,
): Promise<boolean> {
  let tries = 0
  while (await end()) {
    if (++tries > KICKS) throw new NotFlipped(`sessions at the ${server} server do not end when they are kicked`)
    await pause(LOOK_AGAIN_MS, undefined, { signal })
  }
  return tries > 0
}

/** What has ended the work: whatever its time has cut short fails in its own words. */
export function causeOf(error: unknown, late: AbortSignal): unknown {
  return late.aborted ? new NotFlipped(TOO_LONG) : error
}
