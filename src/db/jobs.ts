import { type Kysely, sql } from 'kysely'
import type { Copied, Job, Jobs, Moving, Unfinished, Wanted, Worker } from '../copying/ports.ts'
import type { Outcome } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { ACTIVE_STATES, type Route, type State } from '../model/migration.ts'
import type { Copying } from '../operations/report.ts'
import { endJob } from './job-end.ts'
import { type ProviderRow, toProvider } from './providers.ts'
import type { DB } from './schema.ts'

// How long a worker that died keeps others away; it renews its leases far more often.
const LEASE = sql`interval '30 seconds'`

export function jobs(db: Kysely<DB>): Jobs {
  return {
    providers: (worker, until) => providers(db, worker, until),
    count: (worker, until) => count(db, worker, until),
    claim: (worker, wanted, until) => claim(db, worker, wanted, until),
    async clock() {
      const { rows } = await sql<{ now: Date }>`select now() + interval '1 millisecond' as now`.execute(db)
      return rows[0]?.now ?? new Date()
    },
    renew: (worker, running) => renew(db, worker, running),
    async begin({ migrationId }, { host }) {
      const { id } = await db
        .insertInto('attempt')
        .values({ migration_id: migrationId, host })
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },
    end: (job, worker, end) => endJob(db, job, worker, end),
  }
}

/** Who is being copied, by any worker on any host. */
export function copying(db: Kysely<DB>): Copying {
  return {
    async migrationIds() {
      const leased = db.selectFrom('job').select('migration_id').where('holder', 'is not', null)
      return (await leased.where(sql<boolean>`not is_free(job)`).execute()).map(({ migration_id }) => migration_id)
    },
  }
}

const untilOrNow = (until: Date | undefined) => sql`coalesce(${until ?? null}::timestamptz, now())`

async function providers(db: Kysely<DB>, { copyingHost, takesOver }: Worker, until?: Date): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from next_providers(${copyingHost}, ${takesOver}, ${untilOrNow(until)})`.execute(db)
  return rows.map(({ name }) => name)
}

async function count(db: Kysely<DB>, { copyingHost, takesOver, early }: Worker, until?: Date) {
  const { rows } = await sql<{ waiting: number; running: number }>`
    select count(*) filter (where is_free(job))::int as waiting, count(*) filter (where not is_free(job))::int as running
      from job join provider on provider.id = provider_id
      where due_at < 'infinity'
        and is_for(job, provider, ${copyingHost}, ${takesOver}, ${early}, ${untilOrNow(until)})`.execute(db)
  return rows[0] ?? { waiting: 0, running: 0 }
}

async function renew(db: Kysely<DB>, { id, early }: Worker, running: ReadonlyMap<string, Copied>) {
  const copied = [...running.values()]
  const [messages, progress] = [
    copied.map(({ messages }) => messages),
    copied.map(({ progress }) => progress && JSON.stringify(progress)),
  ]
  const { rows } = await sql<{ migration_id: string; state: State; is_open: boolean }>`
    with running as (
      select * from unnest(${[...running.keys()]}::bigint[], ${messages}::int[], ${progress}::text[])
        as running (id, messages, progress)
    ), held as materialized (
      -- Whoever locks many jobs does so in the order of their numbers.
      select migration_id, messages, progress from job join running on id = migration_id
        where holder = ${id} order by migration_id for update of job
    ), renewed as (
      update job set leased_until = now() + ${LEASE}
        from held join migration on migration.id = held.migration_id
          join provider on provider.id = migration.provider_id
        where job.migration_id = held.migration_id
        returning job.migration_id, messages, progress, state, ${early} or is_open(provider, now()) as is_open
    ), shown as (
      update attempt set messages = renewed.messages, progress = renewed.progress::jsonb from renewed
        where attempt.migration_id = renewed.migration_id and ended_at is null
    )
    select migration_id, state, is_open from renewed`.execute(db)
  return new Map(
    rows.map(({ migration_id, state, is_open }) => [migration_id, is_open && ACTIVE_STATES.includes(state)]),
  )
}

/** A row of `claim_job` and `moving_of`. */
interface ClaimedJob extends MovingRow {
  migration_id: string
  address: string
  home: string
  quota_bytes: string | null
  state: State
  code: string | null
  is_finish_requested: boolean
  is_proved: boolean
  provider: ProviderRow
  sealed: Buffer | null
  failures: number
  unchanged_runs: number
  seen: readonly MailboxStatus[] | null
  completed_at: Date | null
  has_copied: boolean
  overruled: Outcome | null
}

async function claim(db: Kysely<DB>, worker: Worker, wanted: Wanted, until?: Date): Promise<Job | null> {
  const { id, host, copyingHost, takesOver, early } = worker
  const [provider, migrationId] = 'provider' in wanted ? [wanted.provider, null] : [null, wanted.migrationId]
  const { rows } = await sql<ClaimedJob>`
    select * from claim_job(${provider}, ${migrationId}, ${id}, ${host}, ${copyingHost}, ${takesOver}, ${early},
        ${untilOrNow(until)}, ${LEASE}) as claimed
      cross join lateral moving_of(claimed.migration_id)`.execute(db)
  return rows[0] === undefined ? null : toJob(rows[0])
}

interface MovingRow {
  readonly route: Route
  readonly is_flip_requested: boolean
  readonly has_account: boolean
  readonly is_just_flipped: boolean
  readonly is_return_requested: boolean
  readonly is_returned: boolean
  readonly has_own_password: boolean
  readonly are_filters_left: boolean
  readonly is_return: boolean | null
  readonly hold: string | null
  readonly step: Unfinished['step']
  readonly cut_off: number | null
  readonly is_open: boolean
}

function movingIn(row: MovingRow): Moving {
  const { route, is_flip_requested: isFlipRequested, has_account: hasAccount, hold, step } = row
  const unfinished = hold === null ? null : { hold, step, isReturn: row.is_return === true }
  return {
    ...{ route, isFlipRequested, hasAccount, isJustFlipped: row.is_just_flipped, isOpen: row.is_open, unfinished },
    ...{ isReturnRequested: row.is_return_requested, isReturned: row.is_returned },
    ...{ hasOwnPassword: row.has_own_password, areFiltersLeft: row.are_filters_left },
    ...(row.cut_off !== null && { cutOff: row.cut_off }),
  }
}

function toJob(row: ClaimedJob): Job {
  const { address, state, code, sealed, failures, seen, overruled } = row
  const provider = toProvider(row.provider)
  return {
    ...{ address, state, code, sealed, failures, seen, overruled },
    migrationId: row.migration_id,
    order: { id: row.migration_id, address, home: row.home, provider, isMirrored: row.route !== 'destination' },
    moving: movingIn(row),
    quotaBytes: row.quota_bytes === null ? null : Number(row.quota_bytes),
    isProved: row.is_proved,
    isFinishRequested: row.is_finish_requested,
    unchangedRuns: row.unchanged_runs,
    completedAt: row.completed_at,
    hasCopied: row.has_copied,
  }
}
