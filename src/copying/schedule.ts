import type { Outcome } from '../model/attempt.ts'
import { ACTIVE_STATES, type MigrationStatus, type State } from '../model/migration.ts'

/** What is known of a migration before its job ends. */
export interface Standing {
  readonly state: State
  readonly failures: number
  readonly unchangedRuns: number
}

/** How a job ended; `unchanged`: the source has nothing new, so nothing was copied. */
export type Ending = Outcome | 'unchanged'

/** What follows for the migration, and when its job is due again. */
export interface Plan {
  /** A job does not change whether a finish is requested. */
  readonly status: Pick<MigrationStatus, 'state' | 'pausedFrom' | 'code'>
  readonly failures: number
  readonly unchangedRuns: number
  /** Until the job is due again, in milliseconds. */
  readonly waitMs: number
}

const MINUTE_MS = 60_000
const BUSY_MS = 5 * MINUTE_MS
const IDLE_MS = 4 * 60 * MINUTE_MS
const FIRST_RETRY_MS = MINUTE_MS
const LAST_RETRY_MS = 2 * 60 * MINUTE_MS
const LOCKED_MS = 2 * MINUTE_MS
const JITTER = 0.4

/** Only a person can help: the migration fails. */
export const FOR_A_PERSON: readonly Outcome[] = [
  'credential-refused',
  'endpoint-changed',
  'old-recreated',
  'old-shrunk',
  'state-lost',
  'new-full',
  'worker-died',
]
/** Not counted as failures; with the time until the job is due again. */
const AGAIN: Readonly<Partial<Record<Outcome, number>>> = {
  ...{ stopped: 0, 'lost-lock': 0, locked: LOCKED_MS },
  // Whoever stops it knows for how long.
  'old-spent': 0,
}
/** The migration keeps these as its code, and the job is tried again. */
const SHOWN: readonly Outcome[] = [
  'ledger-differs',
  'ledger-lost',
  'ledger-shrunk',
  'credential-unopened',
  'filters-stay',
]
/** The source was copied in part: a synced migration is pending again. */
const IN_PART: readonly Outcome[] = ['incomplete', 'timeout', 'killed', 'new-unwritable']

/**
 * What follows from how a job ended. Pure.
 * @param chance from 0 to 1: spreads jobs that ended at the same moment
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

/** The interval grows with the number of runs in a row that found nothing new. */
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
