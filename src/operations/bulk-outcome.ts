import type { MigrationStatus, NextStatus, State, Transition } from '../model/migration.ts'
import { isRefused, Refused } from '../model/refused.ts'

/** How many migrations have a status. */
export interface Found {
  readonly status: MigrationStatus
  readonly count: number
}

/** What becomes of those of a status; null: they stay as they are. */
export type Judge = (from: MigrationStatus) => NextStatus | null

/** What a bulk action has changed, or would change. */
export interface BulkOutcome {
  readonly isDryRun: boolean
  /** `from` is `to` for a retry of an active migration, which is due at once, and where a finish is requested. */
  readonly changed: readonly { readonly from: State; readonly to: State; readonly count: number }[]
  readonly refused: readonly { readonly reason: string; readonly count: number }[]
}

/** What becomes of all migrations of one status. */
export interface Move {
  readonly from: MigrationStatus
  readonly to: NextStatus
}

type Counted<T> = T & { readonly count: number }

export interface Sorted {
  readonly moves: readonly Counted<Move>[]
  readonly refused: BulkOutcome['refused']
}

export function sorted(found: readonly Found[], transition: Transition): Sorted {
  const moves: Counted<Move>[] = []
  const refused: { reason: string; count: number }[] = []
  for (const { status, count } of found) {
    const to = judged(status, transition)
    if (to instanceof Refused) refused.push({ reason: to.message, count })
    else moves.push({ from: status, to, count })
  }
  return { moves, refused: summed(refused, ({ reason }) => reason) }
}

/** @returns why it does not have the transition, where it has not */
export function judged(from: MigrationStatus, transition: Transition): NextStatus | Refused {
  try {
    return transition(from)
  } catch (error) {
    if (isRefused(error, 'conflict')) return error
    throw error
  }
}

export function outcomeOf({ moves, refused }: Sorted): Omit<BulkOutcome, 'isDryRun'> {
  const steps = moves.map(({ from, to, count }) => ({ from: from.state, to: to.state, count }))
  return { changed: summed(steps, ({ from, to }) => `${from} ${to}`), refused }
}

/** Those of one key as one, the most first. */
function summed<T extends { readonly count: number }>(counted: readonly T[], keyOf: (one: T) => string): T[] {
  const groups = [...Map.groupBy(counted, keyOf).values()]
  const sums = groups.flatMap((group) => group.slice(0, 1).map((one) => ({ ...one, count: sumOf(group) })))
  return sums.sort((one, other) => other.count - one.count || keyOf(one).localeCompare(keyOf(other)))
}

export function sumOf(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((sum, { count }) => sum + count, 0)
}
