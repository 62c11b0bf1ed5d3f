import { type Kysely, type Selectable, sql } from 'kysely'
import type { MigrationStatus, State } from '../model/migration.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'

export const STATUS_COLUMNS = ['state', 'paused_from', 'code', 'finish_requested_at'] as const

type StatusRow = Pick<Selectable<MigrationTable>, (typeof STATUS_COLUMNS)[number]>

export function toStatus({ state, paused_from, code, finish_requested_at }: StatusRow): MigrationStatus {
  return {
    ...{ state: state as State, pausedFrom: paused_from as State | null, code },
    isFinishRequested: finish_requested_at !== null,
  }
}

export function isSame(one: MigrationStatus, other: MigrationStatus): boolean {
  return (
    one.state === other.state &&
    one.pausedFrom === other.pausedFrom &&
    one.code === other.code &&
    one.isFinishRequested === other.isFinishRequested
  )
}

/** Writes what a step made of a migration; a finished one keeps no credential. */
export async function writeStatus(id: string, to: MigrationStatus, db: Kysely<DB>): Promise<void> {
  // By the clock and not by the transaction's begin: a turn that was taken in between does not answer it.
  const finishRequestedAt = sql<Date | null>`case when ${to.isFinishRequested} then coalesce(finish_requested_at, clock_timestamp()) end`
  await db
    .updateTable('migration')
    .set({ state: to.state, paused_from: to.pausedFrom, code: to.code, changed_at: new Date() })
    .set({ finish_requested_at: finishRequestedAt })
    .where('id', '=', id)
    .execute()
  if (to.state === 'done') await db.deleteFrom('credential').where('migration_id', '=', id).execute()
}

/**
 * Its turn is now, and its failures are forgotten. Released: also for whoever does not remember it, when its place is
 * abandoned.
 */
export async function makeDue(id: string, isForAnyHost: boolean, db: Kysely<DB>): Promise<void> {
  const dueAt = sql<Date>`clock_timestamp()`
  const released = sql<boolean>`is_for_any_host or (${isForAnyHost} and copying_host_id is not null and is_abandoned(copying_host_id))`
  const now = { due_at: dueAt, failures: 0, unchanged_runs: 0, is_for_any_host: released }
  await db.updateTable('job').set(now).where('migration_id', '=', id).execute()
}

/** What the audit says about a step. */
export function transitionDetail(before: MigrationStatus, after: MigrationStatus): { detail?: string } {
  return after.state === before.state ? {} : { detail: `${before.state} → ${after.state}` }
}
