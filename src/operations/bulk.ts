import type { By, Change } from '../model/audit.ts'
import {
  close,
  type MigrationStatus,
  pause,
  resume,
  retry,
  type State,
  type Step,
  type Stepped,
} from '../model/migration.ts'
import { isRefused } from '../model/refused.ts'
import type { MigrationFilter } from './ports.ts'

/** The steps that many migrations take at once. */
export const BULK_STEPS = { pause, resume, retry, close } as const satisfies Record<string, Step>
export type BulkAction = keyof typeof BULK_STEPS

/** Whom a bulk action is about. */
export type Selection = { readonly filter: MigrationFilter } | { readonly addresses: readonly string[] }

/** What becomes of everybody in one situation. */
export interface Move {
  readonly from: MigrationStatus
  readonly to: Stepped
}

/** Migrations of a selection, by situation: a step depends on that alone. */
export interface Transitions {
  count(selection: Selection): Promise<{ situation: MigrationStatus; count: number }[]>
  /**
   * Makes these moves in one transaction and writes them into the audit. Who is in another situation by then is left
   * alone. Returns how many were moved by each.
   */
  move(selection: Selection, moves: readonly Move[], change: Change): Promise<readonly number[]>
}

/** What a bulk action changes, or has changed. */
export interface BulkOutcome {
  /** `from` is `to` for a retry or a close of who is active: what changes is the turn, or the wish to finish. */
  readonly changed: readonly { readonly from: State; readonly to: State; readonly count: number }[]
  readonly refused: readonly { readonly reason: string; readonly count: number }[]
}

export interface Bulk {
  /** What the action would change now. */
  preview(action: BulkAction, selection: Selection): Promise<BulkOutcome>
  /** Takes the step for everybody who has it. */
  carryOut(action: BulkAction, selection: Selection, by: By): Promise<BulkOutcome>
}

export function bulk(situations: Transitions): Bulk {
  return {
    async preview(action, selection) {
      const { moves, refused } = sorted(await situations.count(selection), BULK_STEPS[action])
      return { changed: byStates(moves), refused }
    },
    async carryOut(action, selection, by) {
      const { moves, refused } = sorted(await situations.count(selection), BULK_STEPS[action])
      const counts = await situations.move(selection, moves, { ...by, action: `migration.${action}` })
      return { changed: byStates(moves.map((move, at) => ({ ...move, count: counts[at] ?? 0 }))), refused }
    },
  }
}

type Counted<T> = T & { readonly count: number }

function sorted(found: readonly { situation: MigrationStatus; count: number }[], step: Step) {
  const moves: Counted<Move>[] = []
  const refused = new Map<string, number>()
  for (const { situation, count } of found) {
    try {
      moves.push({ from: situation, to: step(situation), count })
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
