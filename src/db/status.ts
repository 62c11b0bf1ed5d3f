import { type Kysely, type Selectable, sql } from 'kysely'
import type { MigrationStatus, State } from '../model/migration.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'

export const SITUATION_COLUMNS = ['state', 'paused_from', 'code', 'closing_since'] as const

type StatusRow = Pick<Selectable<MigrationTable>, (typeof SITUATION_COLUMNS)[number]>

export function toStatus({ state, paused_from, code, closing_since }: StatusRow): MigrationStatus {
  return {
    ...{ state: state as State, pausedFrom: paused_from as State | null, code },
    isClosing: closing_since !== null,
  }
}

export function isSame(one: MigrationStatus, other: MigrationStatus): boolean {
  return (
    one.state === other.state &&
    one.pausedFrom === other.pausedFrom &&
    one.code === other.code &&
    one.isClosing === other.isClosing
  )
}

/** Writes what a step made of a migration; a finished one keeps no credential. */
export async function writeStatus(id: string, to: MigrationStatus, db: Kysely<DB>): Promise<void> {
  // By the clock and not by the transaction's begin: a turn that was taken in between does not answer it.
  const closingSince = sql<Date | null>`case when ${to.isClosing} then coalesce(closing_since, clock_timestamp()) end`
  await db
    .updateTable('migration')
    .set({ state: to.state, paused_from: to.pausedFrom, code: to.code, changed_at: new Date() })
    .set({ closing_since: closingSince })
    .where('id', '=', id)
    .execute()
  if (to.state === 'done') await db.deleteFrom('credential').where('migration_id', '=', id).execute()
}

/**
 * Its turn is now, and its failures are forgotten. Released: also for whoever does not remember it, when its place is
 * abandoned.
 */
export async function makeDue(id: string, isReleased: boolean, db: Kysely<DB>): Promise<void> {
  const dueAt = sql<Date>`clock_timestamp()`
  const released = sql<boolean>`is_released or (${isReleased} and place is not null and is_abandoned(place))`
  const now = { due_at: dueAt, failures: 0, quiet: 0, is_released: released }
  await db.updateTable('turn').set(now).where('migration_id', '=', id).execute()
}

/** What the audit says about a step. */
export function stepDetail(before: MigrationStatus, after: MigrationStatus): { detail?: string } {
  return after.state === before.state ? {} : { detail: `${before.state} → ${after.state}` }
}
