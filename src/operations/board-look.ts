import type { Outcome } from '../model/attempt.ts'
import type { Work } from '../model/estimate.ts'
import type { State } from '../model/migration.ts'
import type { Progress } from '../model/progress.ts'

/** How an old server is; `closed`: outside of its window, `asking`: nobody knows yet. */
export const HEALTHS = ['well', 'away', 'closed', 'asking'] as const

/** What the database tells of the move, all of it at about the same time. */
export interface BoardLook {
  readonly at: Date
  readonly sources: readonly SourceLook[]
  readonly reasons: readonly Reason[]
  readonly retrying: readonly Retrying[]
  readonly running: readonly Running[]
  readonly workers: readonly WorkingHost[]
}

/** A provider, and its people. */
export interface SourceLook extends Pick<Work, 'minutes' | 'counted'> {
  readonly provider: string
  /** Within its window, or without one. */
  readonly isOpen: boolean
  readonly connections: Connections
  readonly people: PeopleLook
  /** Null: nobody is proxied. */
  readonly flips: FlipsLook | null
  /** How many people came in the last quarter of an hour. */
  readonly came: number
  /** Why attempts of the last ten minutes ended that the old server would not let work. */
  readonly errors: readonly ErrorCount[]
  /** How many attempts of the last ten minutes it let work. */
  readonly successes: number
  /** The first and the last of its errors since the last success; null: the last attempt worked, or there was none lately. */
  readonly awaySince: Date | null
  readonly awayAt: Date | null
  /** The last success of the last hour. */
  readonly successAt: Date | null
}

/** Who works on the old server still, and goes over by a flip. */
export interface FlipsLook {
  /** Who is ready is flipped without anybody's word. */
  readonly isAuto: boolean
  /** People who work on the old server, through the new one. */
  readonly atSource: number
  /** Of these, a whole mirror was made. */
  readonly mirrored: number
  /** Of these, the mirror is proved. */
  readonly ready: number
  /** At this moment. */
  readonly held: number
  /** A flip, or a finish, which flips first, is requested, and has not begun: the wave. */
  readonly requested: number
  readonly flipped: number
  readonly flippedLastTenMinutes: number
}

export interface Connections {
  readonly allowed: number
  readonly signIn: number
  readonly copying: number
}

export interface ErrorCount {
  readonly code: Outcome
  readonly count: number
}

export interface PeopleLook {
  readonly states: Readonly<Record<State, number>>
  /** Synced, and works on the old server still: comes across by a flip. */
  readonly unflipped: number
  readonly acrossLastHour: number
  /** Still expected, and not signed in yet. */
  readonly neverCame: number
  readonly cameLastHour: number
  /** To be copied for the first time, with those who are copied at this moment. */
  readonly toCopy: number
  /** Until somebody acts. */
  readonly stopped: number
}

/** What stops people of a provider until somebody acts. */
export interface Reason {
  readonly code: string
  readonly provider: string
  readonly people: number
  /** One of them. */
  readonly address: string
  readonly since: Date
}

/** Whose last attempts failed, and who is tried again by itself. */
export interface Retrying {
  readonly code: string
  readonly provider: string
  readonly people: number
  readonly nextAt: Date
}

/** Who is copied at this moment. */
export interface Running {
  readonly address: string
  readonly provider: string
  /** Null: the old server is being asked first. */
  readonly host: string | null
  readonly startedAt: Date
  readonly messages: number
  /** Messages of the whole mailbox; null: it was not counted. */
  readonly expected: number | null
  /** For the first time, as opposed to what is new. */
  readonly isFirst: boolean
  /** Null: nothing is known yet. */
  readonly progress: Progress | null
}

/** Where `postferry sync` runs. */
export interface WorkingHost {
  readonly host: string
  readonly workers: number
  readonly seenAt: Date
}

export interface Boards {
  look(): Promise<BoardLook>
}
