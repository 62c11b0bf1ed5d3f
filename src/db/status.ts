import { type Kysely, type Selectable, sql } from 'kysely'
import type { MigrationStatus, Route, State } from '../model/migration.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'

export const STATUS_COLUMNS = [
  'state',
  'paused_from',
  'code',
  'finish_requested_at',
  'route',
  'flip_requested_at',
  'return_requested_at',
  'flipped_at',
  'account_id',
] as const

export type StatusRow = Pick<Selectable<MigrationTable>, (typeof STATUS_COLUMNS)[number]>

export function toStatus(row: StatusRow): Required<Omit<MigrationStatus, 'areFiltersLeft'>> {
  const { state, paused_from, code, finish_requested_at, route, flip_requested_at, return_requested_at } = row
  return {
    ...{ state: state as State, pausedFrom: paused_from as State | null, code },
    isFinishRequested: finish_requested_at !== null,
    ...{ route: route as Route, isFlipRequested: flip_requested_at !== null },
    ...{ isReturnRequested: return_requested_at !== null, isFlipped: row.flipped_at !== null },
    hasAccount: row.account_id !== null,
  }
}

export function isSame(one: MigrationStatus, other: MigrationStatus): boolean {
  return (
    one.state === other.state &&
    one.pausedFrom === other.pausedFrom &&
    one.code === other.code &&
    one.isFinishRequested === other.isFinishRequested &&
    (one.isFlipRequested ?? other.isFlipRequested) === (other.isFlipRequested ?? one.isFlipRequested) &&
    (one.isReturnRequested ?? other.isReturnRequested) === (other.isReturnRequested ?? one.isReturnRequested)
  )
}

/** A flip takes its request back by itself, whatever comes of it. */
export const FLIP_REQUESTED = sql<Date>`coalesce(flip_requested_at, clock_timestamp())`

const RETURN_REQUESTED = sql<Date>`coalesce(return_requested_at, clock_timestamp())`

/** Writes the status after a transition; a finished migration keeps no credential. */
export async function writeStatus(id: string, to: MigrationStatus, db: Kysely<DB>): Promise<void> {
  // By the clock and not by the transaction's begin: a job that was claimed in between does not answer it.
  const finishRequestedAt = sql<Date | null>`case when ${to.isFinishRequested} then coalesce(finish_requested_at, clock_timestamp()) end`
  await db
    .updateTable('migration')
    .set({ state: to.state, paused_from: to.pausedFrom, code: to.code, changed_at: new Date() })
    .set({
      finish_requested_at: finishRequestedAt,
      ...(to.isFlipRequested !== undefined && { flip_requested_at: to.isFlipRequested ? FLIP_REQUESTED : null }),
      ...(to.isReturnRequested !== undefined && {
        return_requested_at: to.isReturnRequested ? RETURN_REQUESTED : null,
      }),
    })
    .$if(to.areFiltersLeft === true, (query) => query.set({ filters_left_at: sql<Date>`clock_timestamp()` }))
    .where('id', '=', id)
    .execute()
  if (to.state === 'done') await db.deleteFrom('credential').where('migration_id', '=', id).execute()
}

/**
 * Its job is due now, and its failures are forgotten. For any host: when no worker has run for long on its copying host,
 * any other may claim it.
 */
export async function makeDue(id: string, isForAnyHost: boolean, db: Kysely<DB>): Promise<void> {
  await sql`update job set due_at = clock_timestamp(), failures = 0, unchanged_runs = 0,
      is_for_any_host = is_for_any_host
        or (${isForAnyHost} and copying_host_id is not null and is_abandoned(copying_host_id))
    where migration_id = ${id}`.execute(db)
  await announceDue(db)
}

/** Wakes workers that wait, once the transaction is committed. */
export async function announceDue(db: Kysely<DB>): Promise<void> {
  await sql`select pg_notify('postferry_jobs', '')`.execute(db)
}

/** What the audit says about a transition. */
export function transitionDetail(before: MigrationStatus, after: MigrationStatus): { detail?: string } {
  if (after.state !== before.state) return { detail: `${before.state} → ${after.state}` }
  return before.isFinishRequested && !after.isFinishRequested ? { detail: 'no finish is requested any more' } : {}
}
