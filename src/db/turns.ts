import { type Kysely, sql, type Transaction } from 'kysely'
import { ACTIVE_STATES, type State } from '../model/migration.ts'
import type { Turn, Turns, Worker } from '../policy/copying.ts'
import type { DB } from './schema.ts'
import { readTurn } from './turn.ts'
import { endTurn } from './turn-end.ts'
import { isOpen } from './window.ts'

// How long a worker that died keeps others away; it renews its leases far more often.
const LEASE = sql`interval '30 seconds'`
const PROVIDER_LOCK = 0x6d66_7072 // "mfpr"

const isFree = sql<boolean>`(turn.leased_until is null or turn.leased_until < now())`

export function turns(db: Kysely<DB>): Turns {
  return {
    due: (worker, limit, until) => due(db, worker, limit, until),
    count: (worker, until) => count(db, worker, until),
    take: (migrationId, worker) => db.transaction().execute((trx) => take(trx, migrationId, worker)),
    async clock() {
      const { rows } = await sql<{ now: Date }>`select now() + interval '1 millisecond' as now`.execute(db)
      return rows[0]?.now ?? new Date()
    },
    renew: (worker, messages) => renew(db, worker, messages),
    async begin({ migrationId }, { host }) {
      const { id } = await db
        .insertInto('attempt')
        .values({ migration_id: migrationId, host })
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },
    end: (turn, worker, end) => db.transaction().execute((trx) => endTurn(trx, turn, worker, end)),
  }
}

/** Whether a turn of the joined provider's people may be taken by this worker, apart from its lease. */
function isFor({ place, adopts, early }: Worker, until: Date | undefined) {
  const isDue = sql`turn.due_at <= ${until === undefined ? sql`now()` : sql`${until}::timestamptz`}`
  return sql<boolean>`(${early} or ${isDue} and ${isOpen})
    and (${adopts} or turn.place is null or turn.place = ${place})`
}

/** For each provider no more than it has room for, so that a busy one does not keep the others waiting. */
async function due(db: Kysely<DB>, worker: Worker, limit: number, until?: Date): Promise<string[]> {
  const { rows } = await sql<{ migration_id: string }>`
    with busy as (
      select provider_id, count(*) as leases from turn join migration on migration.id = migration_id
        where holder is not null and leased_until >= now() group by provider_id
    )
    select next.migration_id from provider left join busy on busy.provider_id = provider.id
      cross join lateral (
        select turn.migration_id, turn.due_at from turn join migration on migration.id = turn.migration_id
          where migration.provider_id = provider.id and ${isFor(worker, until)} and ${isFree}
          order by turn.due_at limit greatest(0, least(${limit}, max_connections - coalesce(leases, 0)))
      ) next
      order by next.due_at limit ${limit}`.execute(db)
  return rows.map(({ migration_id }) => migration_id)
}

async function count(db: Kysely<DB>, worker: Worker, until?: Date) {
  const { rows } = await sql<{ waiting: number; running: number }>`
    select count(*) filter (where ${isFree})::int as waiting, count(*) filter (where not ${isFree})::int as running
      from turn join migration on migration.id = migration_id join provider on provider.id = provider_id
      where ${isFor(worker, until)}`.execute(db)
  return rows[0] ?? { waiting: 0, running: 0 }
}

async function renew(db: Kysely<DB>, { id, early }: Worker, messages: ReadonlyMap<string, number>) {
  const { rows } = await sql<{ migration_id: string; state: State; is_open: boolean }>`
    with running as (
      select * from unnest(${[...messages.keys()]}::bigint[], ${[...messages.values()]}::int[]) as running (id, messages)
    ), renewed as (
      update turn set leased_until = now() + ${LEASE}
        from running join migration using (id) join provider on provider.id = provider_id
        where holder = ${id} and migration_id = running.id
        returning migration_id, running.messages, state, ${early} or ${isOpen} as is_open
    ), shown as (
      update attempt set messages = renewed.messages from renewed
        where attempt.migration_id = renewed.migration_id and ended_at is null
    )
    select migration_id, state, is_open from renewed`.execute(db)
  return new Map(
    rows.map(({ migration_id, state, is_open }) => [migration_id, is_open && ACTIVE_STATES.includes(state)]),
  )
}

async function take(trx: Transaction<DB>, migrationId: string, worker: Worker): Promise<Turn | null> {
  const { rows } = await sql<{ provider_id: number; max_connections: number; place: string | null }>`
    select provider_id, max_connections, place from turn join migration on migration.id = migration_id
      join provider on provider.id = provider_id
      where migration_id = ${migrationId} and state = any(${ACTIVE_STATES}) and ${isFree}
        and ${isFor(worker, undefined)}
      for update of turn skip locked`.execute(trx)
  const [found] = rows
  if (found === undefined) return null
  // All that can be done before is: whoever else takes a turn of the provider waits for what follows.
  const turn = await readTurn(trx, migrationId)
  if (!(await lease(trx, migrationId, worker, found))) return null
  // Who adopts knows that the copying state is elsewhere.
  return found.place === null || found.place === worker.place ? turn : { ...turn, overruled: 'state-lost' }
}

/** Counted by one at a time, so that no two take the last place. False: the provider has no room. */
async function lease(
  trx: Transaction<DB>,
  migrationId: string,
  { id, host, place }: Worker,
  { provider_id, max_connections }: { readonly provider_id: number; readonly max_connections: number },
): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(${PROVIDER_LOCK}, ${provider_id})`.execute(trx)
  const { rows } = await sql`
    with busy as (
      select count(*) as leases from turn join migration on migration.id = migration_id
        where holder is not null and leased_until >= now() and provider_id = ${provider_id}
    ), leased as (
      -- Whoever is taken early is due now too, so that what is asked from here on shows.
      update turn set holder = ${id}, leased_until = now() + ${LEASE}, place = ${place},
          taken_at = clock_timestamp(), due_at = least(due_at, now()) from busy
        where migration_id = ${migrationId} and leases < ${max_connections} returning migration_id
    ), opened as (
      update credential set opened_at = now(), opened_by = ${`sync on ${host}`} from leased
        where credential.migration_id = leased.migration_id
    ), died as (
      update attempt set ended_at = now(), outcome = 'lost-lock' from leased
        where attempt.migration_id = leased.migration_id and ended_at is null
    )
    select from leased`.execute(trx)
  return rows.length > 0
}
