import type { Provider } from './provider.ts'
import { Refused } from './refused.ts'

export const STATES = ['awaited', 'pending', 'synced', 'paused', 'failed', 'done'] as const
export type State = (typeof STATES)[number]

/** States in which mail is copied. */
export const ACTIVE_STATES: readonly State[] = ['pending', 'synced']

/** Where the person's sessions and mail go. */
export const ROUTES = ['source', 'held', 'destination'] as const
export type Route = (typeof ROUTES)[number]

/** One account's move from the source to the destination. */
export interface Migration {
  readonly id: string
  readonly address: string
  readonly oldDomain: string
  readonly oldUsername: string
  readonly provider: string
  readonly state: State
  /** Where a paused migration goes back to; null in any other state. */
  readonly pausedFrom: State | null
  readonly route: Route
  /** Why a failed migration failed, or what its last ledger says while it is not clean; else null. */
  readonly code: string | null
  /** The next complete attempt with a clean ledger finishes it. */
  readonly isFinishRequested: boolean
  /** The flip begins as soon as the mirror is ready. */
  readonly isFlipRequested: boolean
  /** The person is led back to the source. */
  readonly isReturnRequested: boolean
  /** A flip has brought the person here. */
  readonly isFlipped: boolean
  /** The person has signed in here. */
  readonly hasAccount: boolean
  readonly createdAt: Date
  readonly changedAt: Date
}

/** The mirror is proved, and all that is missing is the flip. */
export function isReady({ route, state, code }: Pick<Migration, 'route' | 'state' | 'code'>): boolean {
  return route === 'source' && state === 'synced' && code === null
}

/** The part of a migration that a transition changes. */
export type MigrationStatus = Pick<Migration, 'state' | 'pausedFrom' | 'code' | 'isFinishRequested'> &
  Partial<Pick<Migration, 'route' | 'isFlipRequested' | 'isReturnRequested' | 'isFlipped' | 'hasAccount'>> & {
    /** The person may come without the filters that cannot: written once, and never taken back. */
    readonly areFiltersLeft?: boolean
  }

/**
 * The status after a transition. `isDue`: its job is due now, and its failures are forgotten; `isForAnyHost`: when no
 * worker has run for long on its copying host, any other may claim it.
 */
export type NextStatus = MigrationStatus & { readonly isDue?: boolean; readonly isForAnyHost?: boolean }

/** @throws Refused when it does not exist in that state */
export type Transition = (from: MigrationStatus) => NextStatus

export const pause: Transition = (from) => {
  if (from.state === 'paused') throw new Refused('conflict', 'the migration is paused already')
  refuseDone(from)
  return { state: 'paused', pausedFrom: from.state, code: from.code, isFinishRequested: false }
}

/** Goes on as before a pause, or as if nobody had asked for a finish. */
export const resume: Transition = (from) => {
  if (from.pausedFrom !== null) return { ...from, state: from.pausedFrom, pausedFrom: null }
  if (from.isFinishRequested) return { ...from, isFinishRequested: false }
  throw new Refused('conflict', `the migration is not paused, it is ${from.state}`)
}

export const retry: Transition = (from) => {
  refuseUncopied(from)
  // What "provider approve" retries stays with the host that approves; it has looked there.
  const now = { isDue: true, isForAnyHost: from.code !== 'endpoint-changed' }
  if (from.state === 'failed') return { ...from, ...PENDING, ...now }
  // Without the code what is lost is copied again.
  return { ...from, code: from.code === 'ledger-lost' ? null : from.code, ...now }
}

/** A person took what differs as right: who is not synced for that may be so soon. */
export const accept: Transition = (from) => ({ ...from, isDue: from.state === 'pending' })

const LEAVING = 'a return to the old server is requested'

/** No job takes one. */
function refuseFailed({ state, code }: MigrationStatus): void {
  if (state === 'failed')
    throw new Refused(
      'conflict',
      `the migration has failed (${code}): "postferry migration show" says what to do first`,
    )
}

/** Asks for a last attempt now, which finishes the migration when its ledger is clean. */
export const requestFinish: Transition = (from) => {
  refuseUncopied(from)
  refuseFailed(from)
  if (from.isReturnRequested === true) throw new Refused('conflict', LEAVING)
  // A finish flips first.
  if (from.route !== 'destination') refuseStranger(from)
  return { ...from, isFinishRequested: true, isDue: true }
}

/** Asks for the flip of a proxied person, as soon as the mirror is ready. */
export const requestFlip: Transition = (from) => {
  refuseUncopied(from)
  if (from.route === 'destination') throw new Refused('conflict', 'the person is on the new server already')
  refuseFailed(from)
  refuseStranger(from)
  return { ...from, isFlipRequested: true, isDue: true }
}

/** Nobody is brought here who could not sign in here. */
function refuseStranger({ hasAccount }: MigrationStatus): void {
  if (hasAccount === false)
    throw new Refused('conflict', 'the person has not signed in yet: the first sign-in makes the account')
}

/** What keeps a person from being ready whose filters cannot come. */
export const FILTERS_STAY = 'filters-stay'

/** Somebody says that a person may come without the filters that cannot. */
export const leaveFilters: Transition = (from) => {
  refuseUncopied(from)
  if (from.code !== FILTERS_STAY) throw new Refused('conflict', 'no filters keep the person on the old server')
  return { ...from, code: null, areFiltersLeft: true, isDue: true }
}

/** Takes the request of a flip back, and that of a finish, which would flip first. Who is held already is a moment from being here. */
export const stopFlip: Transition = (from) => {
  if (from.route === 'held') throw new Refused('conflict', 'the flip has begun')
  if (from.route === 'destination') throw new Refused('conflict', 'the person is on the new server already')
  if (!from.isFlipRequested && !from.isFinishRequested)
    throw new Refused('conflict', 'neither a flip nor a finish is requested')
  return { ...from, isFlipRequested: false, isFinishRequested: false }
}

/** Sessions at the source go on with the password that is typed: it would not know one of the destination's own. */
export function refuseOwnPassword({
  route,
  isReturnRequested,
}: Pick<MigrationStatus, 'route' | 'isReturnRequested'>): void {
  if (route !== 'destination')
    throw new Refused(
      'conflict',
      'the person works on the old server still: flip first (postferry migration flip), or change it there',
    )
  if (isReturnRequested === true) throw new Refused('conflict', LEAVING)
}

/** Asks for the way back: the source is made what the destination is, and the person works there again. */
export const requestReturn: Transition = (from) => {
  refuseUncopied(from)
  if (from.route !== 'destination') throw new Refused('conflict', 'the person is on the old server')
  if (!from.isFlipped) throw new Refused('conflict', 'no flip has brought the person here: there is no way back')
  if (from.isFinishRequested) throw new Refused('conflict', 'a finish is requested: resume the migration first')
  refuseFailed(from)
  return { ...from, isReturnRequested: true, isDue: true }
}

/** Takes the request of a return back. Who is held already is a moment from being at the source. */
export const stopReturn: Transition = (from) => {
  if (from.isReturnRequested !== true) throw new Refused('conflict', 'no return is requested')
  if (from.route === 'held') throw new Refused('conflict', 'the return is about to end')
  return { ...from, isReturnRequested: false }
}

export const finish: Transition = (from) => {
  refuseDone(from)
  // It writes to the old server, and needs the credential.
  if (from.isReturnRequested === true) throw new Refused('conflict', LEAVING)
  return { state: 'done', pausedFrom: null, code: null, isFinishRequested: false }
}

/** Codes of migrations whose kept credential opens nothing: a new one heals them. */
const NEEDS_CREDENTIAL: readonly string[] = ['credential-refused', 'credential-unopened']

export function needsCredential({ code }: Pick<MigrationStatus, 'code'>): boolean {
  return code !== null && NEEDS_CREDENTIAL.includes(code)
}

/**
 * What a right sign-in at the source changes: who was awaited has come, and what lacked a credential goes on at once.
 */
export const heal: Transition = (from) => {
  if (from.state === 'awaited' || from.state === 'done') return { ...from, ...PENDING }
  if (from.pausedFrom === 'awaited') return { ...from, pausedFrom: 'pending' }
  if (!needsCredential(from)) return from
  if (from.state === 'failed') return { ...from, ...PENDING }
  if (from.pausedFrom === 'failed') return { ...from, pausedFrom: 'pending', code: null }
  return { ...from, code: null, isDue: from.state === 'pending' }
}

const PENDING = { state: 'pending', pausedFrom: null, code: null } as const

/** No attempt can be made, neither now nor after a failure. */
function refuseUncopied(from: MigrationStatus): void {
  refuseDone(from)
  if (from.state === 'paused') throw new Refused('conflict', 'the migration is paused: resume it first')
  if (from.state === 'awaited')
    throw new Refused('conflict', 'the person has not signed in yet: there is nothing to copy')
}

function refuseDone({ state }: MigrationStatus): void {
  if (state === 'done') throw new Refused('conflict', 'the migration is done already')
}

/** What a copying engine has to know of a migration: nothing secret. */
export interface CopyOrder {
  /** What the destination calls the person. Missing: where mail lies does not depend on it. */
  readonly address?: string
  /** The migration's number; also its name in the engine's configuration. */
  readonly id: string
  /** Absolute path of the account's home on the destination. */
  readonly home: string
  readonly provider: Provider
  /** The person works on the source still: nothing is copied but the mirror. */
  readonly isMirrored?: boolean
}
