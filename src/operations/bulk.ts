import type { By, Change } from '../model/audit.ts'
import {
  type MigrationStatus,
  type NextStatus,
  pause,
  requestFinish,
  resume,
  retry,
  type State,
  type Transition,
} from '../model/migration.ts'
import { isRefused } from '../model/refused.ts'
import type { MigrationFilter } from './ports.ts'

/** The transitions that many migrations make at once. */
export const BULK_TRANSITIONS = { pause, resume, retry, finish: requestFinish } as const satisfies Record<
  string,
  Transition
>
export type BulkAction = keyof typeof BULK_TRANSITIONS

/** What the audit calls them. */
export const AUDIT_ACTIONS: Readonly<Record<BulkAction, string>> = {
  pause: 'migration.pause',
  resume: 'migration.resume',
  retry: 'migration.retry',
  finish: 'migration.request-finish',
}

/** Whom a bulk action is about. */
export type Selection = { readonly filter: MigrationFilter } | { readonly addresses: readonly string[] }

/** What becomes of all migrations of one status. */
export interface Move {
  readonly from: MigrationStatus
  readonly to: NextStatus
}

/** Migrations of a selection, by status: a transition depends on that alone. */
export interface Transitions {
  count(selection: Selection): Promise<{ status: MigrationStatus; count: number }[]>
  /**
   * Makes these moves in one transaction and writes them into the audit. A migration whose status has changed by then is
   * left alone. Returns how many were moved by each.
   */
  move(selection: Selection, moves: readonly Move[], change: Change): Promise<readonly number[]>
}

/** What a bulk action changes, or has changed. */
export interface BulkOutcome {
  /** `from` is `to` for a retry of an active migration, which is due at once, and where a finish is requested. */
  readonly changed: readonly { readonly from: State; readonly to: State; readonly count: number }[]
  readonly refused: readonly { readonly reason: string; readonly count: number }[]
}

export interface Bulk {
  /** What the action would change now. */
  preview(action: BulkAction, selection: Selection): Promise<BulkOutcome>
  /** Makes the transition for everybody who has it. */
  carryOut(action: BulkAction, selection: Selection, by: By): Promise<BulkOutcome>
}

export function bulk(transitions: Transitions): Bulk {
  return {
    async preview(action, selection) {
      const { moves, refused } = sorted(await transitions.count(selection), BULK_TRANSITIONS[action])
      return { changed: byStates(moves), refused }
    },
    async carryOut(action, selection, by) {
      const { moves, refused } = sorted(await transitions.count(selection), BULK_TRANSITIONS[action])
      const counts = await transitions.move(selection, moves, { ...by, action: AUDIT_ACTIONS[action] })
      return { changed: byStates(moves.map((move, at) => ({ ...move, count: counts[at] ?? 0 }))), refused }
    },
  }
}

type Counted<T> = T & { readonly count: number }

function sorted(found: readonly { status: MigrationStatus; count: number }[], transition: Transition) {
  const moves: Counted<Move>[] = []
  const refused = new Map<string, number>()
  for (const { status, count } of found) {
    try {
      moves.push({ from: status, to: transition(status), count })
    } catch (error) {
      if (!isRefused(error, 'conflict')) throw error
      refused.set(error.message, (refused.get(error.message) ?? 0) + count)
    }
  }
  return { moves, refused: [...refused].map(([reason, count]) => ({ reason, count })) }
}

function byStates(moves: readonly Counted<Move>[]): BulkOutcome['changed'] {
  const groups = Map.groupBy(moves, ({ from, to }) => `${from.state} ${to.state}`).values()
  return [...groups].flatMap((group) => {
    const count = group.reduce((sum, move) => sum + move.count, 0)
    return count === 0 || group[0] === undefined ? [] : [{ from: group[0].from.state, to: group[0].to.state, count }]
  })
}
