import { type Kysely, sql, type Transaction } from 'kysely'
import type { Change } from '../model/audit.ts'
import type { Move, Selection, Transitions } from '../operations/migration-changes.ts'
import type { DB } from './schema.ts'
import { selectSelection } from './selection.ts'
import { announceDue, FLIP_REQUESTED, isSame, toStatus, transitionDetail } from './status.ts'

// One statement for many more would be silent for so long that its connection is taken for a dead one.
const BATCH = 5_000

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
    async move(selection, moves, change) {
      const counts = moves.map(() => 0)
      if (moves.length === 0) return counts
      await db.transaction().execute(async (trx) => {
        let last: string | null = '0'
        while (last !== null) {
          const batch = await moveBatch(trx, selection, last, moves, change)
          for (const { number, count } of batch.moved) counts[number] = (counts[number] ?? 0) + count
          last = batch.last
        }
        if (moves.some(({ to }) => to.isDue)) await announceDue(trx)
      })
      return counts
    },
  }
}

/**
 * Moves the next of a selection after that number, each by the status that it has now; `last` null: there are
 * none.
 */
async function moveBatch(
  trx: Transaction<DB>,
  selection: Selection,
  after: string,
  moves: readonly Move[],
  { actor, action, reason }: Change,
): Promise<{ last: string | null; moved: { number: number; count: number }[] }> {
  const chosen = selectSelection(trx, selection)
    .clearSelect()
    .select('migration.id')
    .where('migration.id', '>', after)
    .orderBy('migration.id')
    .limit(BATCH)
  const { rows } = await sql<{ last: string | null; number: number | null; count: string }>`
    with chosen as materialized (${chosen}), locked as materialized (
      select id, address, state, paused_from, code, finish_requested_at is not null as is_finish_requested, route,
          flip_requested_at is not null as is_flip_requested, return_requested_at is not null as is_return_requested,
          account_id is not null as has_account
        from migration where id in (select id from chosen) order by id for update
    ), moving as materialized (
      select id, address, number, to_state, to_paused_from, to_code, to_finish_requested, to_flip_requested, is_news, is_due,
          to_any_host, detail
        from locked join ${tableOf(moves)} on locked.state = move.state and locked.is_finish_requested = move.is_finish_requested
          and locked.route = move.route and locked.is_flip_requested = move.is_flip_requested
          and locked.is_return_requested = move.is_return_requested and locked.has_account = move.has_account
          and locked.paused_from is not distinct from move.paused_from and locked.code is not distinct from move.code
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
    ), noted as (
      insert into audit (actor, action, subject, reason, detail)
        select ${actor}, ${action}, address, ${reason}, detail from moving order by id
    )
    select last, number, count(*) from (select max(id) as last from chosen) as chosen left join moving on true
      group by last, number`.execute(trx)
  return {
    last: rows[0]?.last ?? null,
    moved: rows.flatMap(({ number, count }) => (number === null ? [] : [{ number, count: Number(count) }])),
  }
}

/** A row for each move, by its number. */
function tableOf(moves: readonly Move[]) {
  const rows = moves.map(({ from, to }, number) => ({
    ...{
      number,
      state: from.state,
      paused_from: from.pausedFrom,
      code: from.code,
      is_finish_requested: from.isFinishRequested,
      ...{ route: from.route, is_flip_requested: from.isFlipRequested, is_return_requested: from.isReturnRequested },
      has_account: from.hasAccount,
    },
    ...{
      to_state: to.state,
      to_paused_from: to.pausedFrom,
      to_code: to.code,
      to_finish_requested: to.isFinishRequested,
      to_flip_requested: to.isFlipRequested,
    },
    ...{ is_news: !isSame(from, to), is_due: to.isDue ?? false, to_any_host: to.isForAnyHost ?? false },
    detail: transitionDetail(from, to).detail,
  }))
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as move (
    number integer, state text, paused_from text, code text, is_finish_requested boolean, route text,
    is_flip_requested boolean, is_return_requested boolean, has_account boolean, to_flip_requested boolean,
    to_state text, to_paused_from text, to_code text, to_finish_requested boolean, is_news boolean, is_due boolean,
    to_any_host boolean, detail text
  )`
}
