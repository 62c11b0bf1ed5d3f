import type { Progress } from './progress.ts'

/** How an attempt ended. Stable words: lists, dashboards and the database rely on them. */
export const OUTCOMES = [
  'complete',
  'incomplete',
  'ledger-differs',
  'ledger-lost',
  'ledger-shrunk',
  'credential-refused',
  'credential-unopened',
  'endpoint-changed',
  'old-unreachable',
  'old-timeout',
  'old-tls',
  'old-busy',
  'old-spent',
  'old-protocol',
  'old-disabled',
  'old-no-sign-in',
  'old-recreated',
  'old-shrunk',
  'state-lost',
  'filters-stay',
  'flip-failed',
  'return-failed',
  'worker-died',
  'new-full',
  'new-unwritable',
  'locked',
  'timeout',
  'killed',
  'stopped',
  'lost-lock',
  'engine-missing',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What comes of these comes by itself: the next attempt is made before long. */
export const PASSING: readonly Outcome[] = ['complete', 'stopped', 'lost-lock', 'locked', 'old-spent']

/** One run of a copying engine for one migration. */
export interface Attempt {
  readonly id: string
  readonly host: string
  readonly startedAt: Date
  /** Null: at work, or its worker died. */
  readonly endedAt: Date | null
  readonly outcome: Outcome | null
  readonly folders: number
  readonly messages: number
  /** The engine's last lines, without secrets. */
  readonly output: string
  /** Null: it has ended, or nothing is known yet. */
  readonly progress: Progress | null
}

/** When a migration's next attempt is made. */
export interface AttemptPlan {
  /** Null: not by itself. */
  readonly dueAt: Date | null
  /** In a row, until now. */
  readonly failures: number
  /** When a whole copy was made last; missing or null: never. */
  readonly completedAt?: Date | null
}

/** How the last attempt of a migration went, and when the next one is made. */
export interface LatestAttempt extends AttemptPlan {
  readonly isRunning: boolean
  /** Of the last one that has ended; null: none has. */
  readonly outcome: Outcome | null
  /** Of the one that runs. */
  readonly messages: number
  /** Null: none does. */
  readonly startedAt: Date | null
}

/** What is kept of how an attempt ended. */
export type Result = Pick<Attempt, 'folders' | 'messages' | 'output'> & {
  readonly outcome: Outcome
  /** Folders that the engine cannot copy, as people read their names. Missing: none. */
  readonly leftOut?: readonly string[]
  /** Only what a person at work makes differs. Missing: nothing differs, or something else does. */
  readonly isBusy?: true
  /** For so long the source asks to be left alone. Missing: it does not. */
  readonly waitMs?: number
}
