import type { Outcome } from '../model/attempt.ts'
import type { Flips } from './flip-ports.ts'
import type { Job } from './ports.ts'

/** After so many in a row it is not tried again before an administrator says so. */
const MOST = 5

/**
 * What to write down of a flip, or a return, in which a worker died: it has failed, and whatever kills workers is not to hold
 * the person again and again. Null: none did.
 * @param job after what was left of it has ended
 */
export async function cutOff(
  job: Job,
  { flipping }: { flipping: { flips: Pick<Flips, 'refuseReturn'> } },
): Promise<{ readonly outcome: Outcome; readonly output: string } | null> {
  const { moving } = job
  if (moving?.cutOff === undefined) return null
  const isReturn = moving.route === 'destination'
  const last = `the worker died in the ${isReturn ? 'return' : 'flip'}, or lost its lease: ${times(moving.cutOff)}`
  if (moving.cutOff < MOST) {
    const output = `${last}; after ${MOST} times it is not tried again by itself`
    return { outcome: isReturn ? 'return-failed' : 'flip-failed', output }
  }
  if (!isReturn) return { outcome: 'worker-died', output: last }
  await flipping.flips.refuseReturn(job, last)
  return { outcome: 'return-failed', output: last }
}

function times(number: number): string {
  return number === 1 ? 'the first time' : `${number} times in a row`
}
