import { type Kysely, sql, type Transaction } from 'kysely'
import type { Change } from '../model/audit.ts'
import type { MigrationStatus, NextStatus } from '../model/migration.ts'
import type { Found, Judge } from '../operations/bulk-outcome.ts'
import type { Selection, Transitions } from '../operations/migration-changes.ts'
import type { DB } from './schema.ts'
import { selectSelection } from './selection.ts'
import {
  announceDue,
  FLIP_REQUESTED,
  isSame,
  STATUS_COLUMNS,
  type StatusRow,
  toStatus,
  transitionDetail,
} from './status.ts'

// Workers renew the leases of what is locked, and whose hold is over is let go: neither may wait for long.
const BATCH = 500

export function transitions(db: Kysely<DB>): Transitions {
  return {
    async count(selection) {
      const rows = await selectSelection(db, selection)
        .clearSelect()
        .select(['state', 'paused_from', 'code', sql<Date | null>`max(finish_requested_at)`.as('finish_requested_at')])
        .select(['route', sql<Date | null>`max(flip_requested_at)`.as('flip_requested_at')])
        .select(sql<Date | null>`max(return_requested_at)`.as('return_requested_at'))
        .select(sql<Date | null>`max(flipped_at)`.as('flipped_at'))
        .select(sql<string | null>`max(account_id)`.as('account_id'))
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .groupBy([
          'state',
          'paused_from',
          'code',
          'route',
          sql`finish_requested_at is null`,
          sql`flip_requested_at is null`,
          sql`return_requested_at is null`,
          sql`account_id is null`,
        ])
        .orderBy('count', 'desc')
        .execute()
      return rows.map(({ count, ...row }) => ({ status: toStatus(row), count: Number(count) }))
    },
    async *move(selection, judge, change) {
      let last: string | null = '0'
      while (last !== null) {
        const after: string = last
        const batch: Batch = await db.transaction().execute((trx) => moveBatch(trx, selection, after, judge, change))
        if (batch.found.length > 0) yield batch.found
        last = batch.last
      }
    },
  }
}

interface Batch {
  /** The number of its last one; null: there were none. */
  readonly last: string | null
  readonly found: readonly Found[]
}

/** Those of a batch that have the same status. */
interface Group {
  readonly from: MigrationStatus
  readonly ids: string[]
}

/** Moves the next of a selection after that number, each by the status that it has now. */
async function moveBatch(
  trx: Transaction<DB>,
  selection: Selection,
  after: string,
  judge: Judge,
  change: Change,
): Promise<Batch> {
  const rows = await selectSelection(trx, selection)
    .clearSelect()
    .select(['migration.id', ...STATUS_COLUMNS])
    .where('migration.id', '>', after)
    .orderBy('migration.id')
    .limit(BATCH)
    .forUpdate('migration')
    .execute()
  const groups = groupsOf(rows)
  const moves = groups.flatMap(({ from, ids }) => {
    const to = judge(from)
    return to === null ? [] : [{ from, to, ids }]
  })
  if (moves.length > 0) await carryOut(trx, moves, change)
  if (moves.some(({ to }) => to.isDue)) await announceDue(trx)
  const found = groups.map(({ from, ids }) => ({ status: from, count: ids.length }))
  return { last: rows.at(-1)?.id ?? null, found }
}

function groupsOf(rows: readonly (StatusRow & { readonly id: string })[]): Group[] {
  const groups = new Map<string, Group>()
  for (const row of rows) {
    const from = toStatus(row)
    const key = JSON.stringify(from)
    const group: Group = groups.get(key) ?? { from, ids: [] }
    group.ids.push(row.id)
    groups.set(key, group)
  }
  return [...groups.values()]
}

type GroupMove = Group & { readonly to: NextStatus }

/** Of migrations that are locked. */
async function carryOut(
  trx: Transaction<DB>,
  moves: readonly GroupMove[],
  { actor, action, reason }: Change,
): Promise<void> {
  const ids = moves.flatMap(({ ids }) => ids)
  const numbers = moves.flatMap(({ ids }, number) => ids.map(() => number))
  await sql`
    with moving as materialized (
      select migration.id, address, move.*
        from unnest(${ids}::bigint[], ${numbers}::int[]) as chosen (id, chosen_move)
          join migration on migration.id = chosen.id join ${tableOf(moves)} on number = chosen_move
    ), moved as (
      update migration set state = to_state, paused_from = to_paused_from, code = to_code, changed_at = now(),
          flip_requested_at = case when to_flip_requested then ${FLIP_REQUESTED} when not to_flip_requested then null else flip_requested_at end,
          finish_requested_at = case when to_finish_requested then coalesce(finish_requested_at, clock_timestamp()) end
        from moving where migration.id = moving.id and is_news
    ), due as materialized (
      -- Whoever locks many jobs does so in the order of their numbers.
      select migration_id, to_any_host from job join moving on id = migration_id
        where is_due order by migration_id for update of job
    ), made_due as (
      update job set due_at = clock_timestamp(), failures = 0, unchanged_runs = 0,
          is_for_any_host = is_for_any_host or (to_any_host and copying_host_id is not null and is_abandoned(copying_host_id))
        from due where job.migration_id = due.migration_id
    )
    insert into audit (actor, action, subject, reason, detail)
      select ${actor}, ${action}, address, ${reason}, detail from moving order by id`.execute(trx)
}

/** A row for each move, by its number. */
function tableOf(moves: readonly GroupMove[]) {
  const rows = moves.map(({ from, to }, number) => ({
    ...{ number, to_state: to.state, to_paused_from: to.pausedFrom, to_code: to.code },
    ...{ to_finish_requested: to.isFinishRequested, to_flip_requested: to.isFlipRequested },
    ...{ is_news: !isSame(from, to), is_due: to.isDue ?? false, to_any_host: to.isForAnyHost ?? false },
    detail: transitionDetail(from, to).detail,
  }))
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as move (
    number integer, to_state text, to_paused_from text, to_code text, to_finish_requested boolean,
    to_flip_requested boolean, is_news boolean, is_due boolean, to_any_host boolean, detail text
  )`
}
