import { type Kysely, sql } from 'kysely'
import type { Due, Job, Jobs, Worker } from '../copying/ports.ts'
import type { Outcome } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { ACTIVE_STATES, type State } from '../model/migration.ts'
import { endJob } from './job-end.ts'
import { type ProviderRow, toProvider } from './providers.ts'
import type { DB } from './schema.ts'

// How long a worker that died keeps others away; it renews its leases far more often.
const LEASE = sql`interval '30 seconds'`

export function jobs(db: Kysely<DB>): Jobs {
  return {
    due: (worker, limit, until) => due(db, worker, limit, until),
    count: (worker, until) => count(db, worker, until),
    take: (migrationId, worker) => take(db, migrationId, worker),
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
    end: (job, worker, end) => endJob(db, job, worker, end),
  }
}

/** Whether a turn of the joined provider's people may be taken by this worker, apart from its lease. */
function isFor({ copyingHost, takesOver, early }: Worker, until: Date | undefined) {
  return sql<boolean>`is_for(job, provider, ${copyingHost}, ${takesOver}, ${early}, coalesce(${until ?? null}::timestamptz, now()))`
}

/** For each provider no more than may be copied beside, so that a busy one does not keep the others waiting. */
async function due(db: Kysely<DB>, worker: Worker, limit: number, until?: Date): Promise<Due[]> {
  const { rows } = await sql<{ migration_id: string; provider: string }>`
    with busy as (
      select provider_id, count(*) as leases from job where holder is not null and not is_free(job) group by provider_id
    )
    select next.migration_id, provider.name as provider from provider left join busy on busy.provider_id = provider.id
      cross join lateral (
        select migration_id, due_at from job
          where job.provider_id = provider.id and due_at < 'infinity' and ${isFor(worker, until)} and is_free(job)
          order by due_at limit greatest(0, least(${limit}, copying_limit(provider) - coalesce(leases, 0)))
      ) next
      order by next.due_at limit ${limit}`.execute(db)
  return rows.map(({ migration_id, provider }) => ({ migrationId: migration_id, provider }))
}

async function count(db: Kysely<DB>, worker: Worker, until?: Date) {
  const { rows } = await sql<{ waiting: number; running: number }>`
    select count(*) filter (where is_free(job))::int as waiting, count(*) filter (where not is_free(job))::int as running
      from job join provider on provider.id = provider_id
      where due_at < 'infinity' and ${isFor(worker, until)}`.execute(db)
  return rows[0] ?? { waiting: 0, running: 0 }
}

async function renew(db: Kysely<DB>, { id, early }: Worker, messages: ReadonlyMap<string, number>) {
  const { rows } = await sql<{ migration_id: string; state: State; is_open: boolean }>`
    with running as (
      select * from unnest(${[...messages.keys()]}::bigint[], ${[...messages.values()]}::int[]) as running (id, messages)
    ), renewed as (
      update job set leased_until = now() + ${LEASE}
        from running join migration using (id) join provider on provider.id = migration.provider_id
        where holder = ${id} and migration_id = running.id
        returning migration_id, running.messages, state, ${early} or is_open(provider, now()) as is_open
    ), shown as (
      update attempt set messages = renewed.messages from renewed
        where attempt.migration_id = renewed.migration_id and ended_at is null
    )
    select migration_id, state, is_open from renewed`.execute(db)
  return new Map(
    rows.map(({ migration_id, state, is_open }) => [migration_id, is_open && ACTIVE_STATES.includes(state)]),
  )
}

/** What the function tells of a turn that it has leased. */
interface ClaimedJob {
  address: string
  home: string
  state: State
  is_finish_requested: boolean
  provider: ProviderRow
  sealed: Buffer | null
  failures: number
  unchanged_runs: number
  seen: readonly MailboxStatus[] | null
  completed_at: Date | null
  has_copied: boolean
  overruled: Outcome | null
  code: string | null
  is_proved: boolean
  quota_bytes: string | null
}

async function take(db: Kysely<DB>, migrationId: string, worker: Worker): Promise<Job | null> {
  const { id, host, copyingHost, takesOver, early } = worker
  const { rows } = await sql<ClaimedJob>`
    select taken.*, migration.code, ledger.migration_id is not null and ledger.code is null as is_proved,
        account.quota_bytes
      from claim_job(${migrationId}, ${id}, ${host}, ${copyingHost}, ${takesOver}, ${early}, ${LEASE}) as taken
        join migration on migration.id = ${migrationId} left join ledger on ledger.migration_id = migration.id
          left join account on account.id = migration.account_id`.execute(db)
  const [taken] = rows
  return taken === undefined ? null : toJob(migrationId, taken)
}

function toJob(
  migrationId: string,
  {
    home,
    provider,
    is_finish_requested,
    unchanged_runs,
    completed_at,
    has_copied,
    is_proved,
    quota_bytes,
    ...same
  }: ClaimedJob,
): Job {
  return {
    ...same,
    migrationId,
    order: { id: migrationId, home, provider: toProvider(provider) },
    isProved: is_proved,
    quotaBytes: quota_bytes === null ? null : Number(quota_bytes),
    isFinishRequested: is_finish_requested,
    unchangedRuns: unchanged_runs,
    completedAt: completed_at,
    hasCopied: has_copied,
  }
}
