import type { Outcome } from '../model/attempt.ts'
import { ACTIVE_STATES, type MigrationStatus, type State } from '../model/migration.ts'

/** Where a migration stands before its turn ends. */
export interface Standing {
  readonly state: State
  readonly failures: number
  readonly unchangedRuns: number
}

/** What a turn has come to; `unchanged`: the source has nothing new, so nothing was copied. */
export type Ending = Outcome | 'unchanged'

/** What becomes of a migration after a turn. */
export interface Plan {
  /** Whether somebody wants it finished is not the turn's to say. */
  readonly status: Omit<MigrationStatus, 'isFinishRequested'>
  readonly failures: number
  readonly unchangedRuns: number
  /** Until its next turn, in milliseconds. */
  readonly waitMs: number
}

const MINUTE_MS = 60_000
const BUSY_MS = 5 * MINUTE_MS
const IDLE_MS = 4 * 60 * MINUTE_MS
const FIRST_RETRY_MS = MINUTE_MS
const LAST_RETRY_MS = 2 * 60 * MINUTE_MS
const LOCKED_MS = 2 * MINUTE_MS
const JITTER = 0.4

/** Only a person can help: the migration stops. */
export const FOR_A_PERSON: readonly Outcome[] = [
  'credential-refused',
  'endpoint-changed',
  'old-recreated',
  'old-shrunk',
  'state-lost',
  'new-full',
]
/** Nobody's fault: it is not counted. */
const AGAIN: Readonly<Partial<Record<Outcome, number>>> = { stopped: 0, 'lost-lock': 0, locked: LOCKED_MS }
/**
 * Shown until it is over, and tried again: the source was copied and the destination is not like it; or nothing could
 * be copied, for what is kept of the person opens nothing.
 */
const SHOWN: readonly Outcome[] = ['ledger-differs', 'ledger-lost', 'ledger-shrunk', 'credential-unopened']
/** The source was copied in part: what is on the destination is not all any more. */
const IN_PART: readonly Outcome[] = ['incomplete', 'timeout', 'killed', 'new-unwritable']

/**
 * What follows from how a turn ended. Pure.
 * @param chance from 0 to 1, so that not everybody comes back at the same moment
 */
export function advance(standing: Standing, ending: Ending, chance: number): Plan {
  const spread = 1 - JITTER / 2 + JITTER * chance
  if (ending === 'unchanged') {
    const unchangedRuns = standing.unchangedRuns + 1
    return { status: staying(standing), failures: 0, unchangedRuns, waitMs: spread * interval(unchangedRuns) }
  }
  if (ending === 'complete') {
    return { status: active('synced'), failures: 0, unchangedRuns: 0, waitMs: spread * BUSY_MS }
  }
  if (FOR_A_PERSON.includes(ending)) {
    return { status: { state: 'failed', pausedFrom: null, code: ending }, failures: 0, unchangedRuns: 0, waitMs: 0 }
  }
  const again = AGAIN[ending]
  if (again !== undefined) {
    const { failures, unchangedRuns } = standing
    return { status: staying(standing), failures, unchangedRuns, waitMs: spread * again }
  }
  const failures = standing.failures + 1
  const status = statusAfter(standing, ending)
  return { status, failures, unchangedRuns: 0, waitMs: spread * retryAfter(failures) }
}

function statusAfter(standing: Standing, ending: Outcome): Plan['status'] {
  if (SHOWN.includes(ending)) return { ...active('pending'), code: ending }
  return IN_PART.includes(ending) ? active('pending') : staying(standing)
}

/** How long to leave the source alone after so many looks in a row that found nothing new. */
function interval(unchangedRuns: number): number {
  return Math.min(BUSY_MS * 2 ** Math.min(unchangedRuns, 10), IDLE_MS)
}

function retryAfter(failures: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10), LAST_RETRY_MS)
}

function staying({ state }: Standing): Plan['status'] {
  return active(state)
}

function active(state: State): Plan['status'] {
  if (!ACTIVE_STATES.includes(state)) throw new RangeError(`no mail is copied in the state ${state}`)
  return { state, pausedFrom: null, code: null }
}
