import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Outcome } from '../model/attempt.ts'
import type {
  Boards,
  ErrorCount,
  FlipsLook,
  PeopleLook,
  Reason,
  Retrying,
  Running,
  SourceLook,
  WorkingHost,
} from '../operations/board-look.ts'
import type { DB } from './schema.ts'
import { IS_FLIP_AHEAD } from './selection.ts'

const MINUTES = 60
/** So many people who came across lately tell how large mailboxes are. */
const COUNTED = 500
/** The old server would not let these attempts work. */
const REFUSING: readonly Outcome[] = ['old-unreachable', 'old-timeout', 'old-tls', 'old-busy', 'old-protocol']
const LATELY = sql`now() - interval '10 minutes'`
const STOPPED = sql<boolean>`(state = 'failed' or code is not null and state in ('pending', 'synced'))`
const CROSSED = sql<boolean>`to_state in ('synced', 'done') and coalesce(from_state, '') not in ('synced', 'done')`
const NEEDS_NO_FLIP = sql<boolean>`flipped_at is null and (route = 'destination' or state = 'done')`
const CAME = sql<boolean>`to_state in ('pending', 'synced') and coalesce(from_state, 'awaited') = 'awaited'`

export function boards(db: Kysely<DB>): Boards {
  const rowsOf = async <T>(query: RawBuilder<T>) => (await query.execute(db)).rows
  return {
    async look() {
      const people = await rowsOf(PEOPLE)
      const flips = new Map((await rowsOf(FLIPS)).map(({ provider, ...row }) => [provider, row]))
      const [moved, connections, lately, minutes, counted] = [
        byProvider(await rowsOf(MOVED)),
        byProvider(await rowsOf(CONNECTIONS)),
        byProvider(await rowsOf(ATTEMPTS)),
        Map.groupBy(await rowsOf(PACE), ({ provider }) => provider),
        byProvider(await rowsOf(SIZES)),
      ]
      const sources = people.map((row): SourceLook => {
        const { provider, at, allowed, isOpen, states, flippedLastHour, ...counts } = row
        const { came = 0, crossedLastHour = 0, cameLastHour = 0 } = moved.get(provider) ?? {}
        const steps = { acrossLastHour: crossedLastHour + flippedLastHour, cameLastHour }
        return {
          ...{ provider, isOpen, came, people: { ...counts, ...steps, states: { ...NOBODY, ...states } } },
          flips: flips.get(provider) ?? null,
          connections: { signIn: 0, copying: 0, ...connections.get(provider), allowed },
          ...{ errors: [], successes: 0, awaySince: null, awayAt: null, successAt: null, ...lately.get(provider) },
          minutes: minutesOf(minutes.get(provider) ?? []),
          counted: counted.get(provider) ?? { people: 0, mean: 0, deviation: 0, largest: 0 },
        }
      })
      return {
        at: people[0]?.at ?? new Date(),
        sources,
        reasons: await rowsOf(REASONS),
        retrying: await rowsOf(RETRYING),
        running: await rowsOf(RUNNING),
        workers: await rowsOf(WORKERS),
      }
    },
  }
}

function byProvider<T extends { provider: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.provider, row]))
}

const NOBODY = { awaited: 0, pending: 0, synced: 0, paused: 0, failed: 0, done: 0 }

interface OfProvider {
  provider: string
}

const PEOPLE = sql<
  OfProvider & { at: Date; allowed: number; isOpen: boolean; flippedLastHour: number } & Omit<
      PeopleLook,
      'acrossLastHour' | 'cameLastHour'
    >
>`
  select provider.name as provider, now() as at, max_connections as allowed, is_open(provider, now()) as "isOpen",
      coalesce(states, '{}') as states, coalesce(never_came, 0) as "neverCame", coalesce(to_copy, 0) as "toCopy",
      coalesce(stopped, 0) as stopped, coalesce(unflipped, 0) as unflipped,
      coalesce(flipped_last_hour, 0) as "flippedLastHour"
    from provider left join (
      select provider_id, jsonb_object_agg(state, people) as states, sum(never_came)::int as never_came,
          sum(to_copy)::int as to_copy, sum(stopped)::int as stopped, sum(unflipped)::int as unflipped,
          sum(flipped_last_hour)::int as flipped_last_hour
        from (
          select provider_id, state, count(*) as people,
              count(*) filter (where account_id is null and state <> 'done') as never_came,
              count(*) filter (where state = 'pending' and code is null) as to_copy,
              count(*) filter (where ${STOPPED}) as stopped,
              count(*) filter (where state = 'synced' and route <> 'destination') as unflipped,
              count(*) filter (where state in ('synced', 'done') and flipped_at > now() - interval '1 hour')
                as flipped_last_hour
            from migration group by provider_id, state
        ) as one group by provider_id
    ) as counted on provider_id = provider.id
    order by provider.name`

/** Who is flipped comes across by that, however long ago the mirror was proved. */
const MOVED = sql<OfProvider & { crossedLastHour: number; cameLastHour: number; came: number }>`
  select provider.name as provider,
      count(distinct migration_id) filter (where ${CROSSED} and ${NEEDS_NO_FLIP} and not exists (
        select from migration_transition as earlier where earlier.migration_id = step.migration_id
          and earlier.at < step.at and earlier.to_state in ('synced', 'done')
      ))::int as "crossedLastHour",
      count(distinct migration_id) filter (where ${CAME})::int as "cameLastHour",
      count(distinct migration_id) filter (where ${CAME} and at > now() - interval '15 minutes')::int as came
    from migration_transition as step join migration on migration.id = migration_id
      join provider on provider.id = provider_id
    where at > now() - interval '1 hour'
    group by 1`

const FLIPS = sql<OfProvider & FlipsLook>`
  with at_source as (
    select migration.provider_id, count(*)::int as at_source, count(*) filter (where completed_at is not null)::int as mirrored,
        count(*) filter (where route = 'source' and state = 'synced' and code is null)::int as ready,
        count(*) filter (where route = 'held')::int as held,
        count(*) filter (where route = 'source' and ${IS_FLIP_AHEAD})::int as requested
      from migration join job on migration_id = id
      where route <> 'destination' and state not in ('awaited', 'done') group by 1
  ), here as (
    select provider_id, count(*)::int as flipped, count(*) filter (where flipped_at > ${LATELY})::int as lately
      from migration where flipped_at is not null group by 1
  )
  select name as provider, flip <> 'manual' as "isAuto", coalesce(at_source, 0) as "atSource", coalesce(mirrored, 0) as mirrored,
      coalesce(ready, 0) as ready, coalesce(held, 0) as held, coalesce(requested, 0) as requested,
      coalesce(flipped, 0) as flipped, coalesce(lately, 0) as "flippedLastTenMinutes"
    from provider left join at_source on at_source.provider_id = id left join here on here.provider_id = id
    where cutover = 'proxied' or at_source > 0`

const CONNECTIONS = sql<OfProvider & { signIn: number; copying: number }>`
  select name as provider, coalesce(sum(held) filter (where use = 'sign-in'), 0)::int as "signIn",
      coalesce(sum(held) filter (where use = 'copying'), 0)::int as copying
    from connection_share join provider on provider.id = provider_id where leased_until > now() group by 1`

const ATTEMPTS = sql<
  OfProvider & {
    errors: ErrorCount[]
    successes: number
    awaySince: Date | null
    awayAt: Date | null
    successAt: Date | null
  }
>`
  with lately as (
    select name as provider, outcome, ended_at, outcome = any(${REFUSING}::text[]) as is_refused
      from attempt join migration on migration.id = migration_id join provider on provider.id = provider_id
      where ended_at > now() - interval '1 hour'
  ), last_success as (
    select provider, max(ended_at) as at from lately where not is_refused group by 1
  )
  select provider,
      coalesce((select jsonb_agg(jsonb_build_object('code', outcome, 'count', number) order by number desc) from (
        select outcome, count(*) as number from lately as one
          where one.provider = lately.provider and is_refused and ended_at > ${LATELY} group by 1
      ) as counted), '[]') as errors,
      count(*) filter (where not is_refused and ended_at > ${LATELY})::int as successes,
      min(ended_at) filter (where is_refused and ended_at > coalesce(last_success.at, '-infinity')) as "awaySince",
      max(ended_at) filter (where is_refused and ended_at > coalesce(last_success.at, '-infinity')) as "awayAt",
      last_success.at as "successAt"
    from lately left join last_success using (provider) group by provider, last_success.at`

const PACE = sql<OfProvider & { minute: number; messages: number; slots: number }>`
  with pieces as (
    select provider.name as provider, messages, started_at, coalesce(ended_at, now()) as ended_at
      from attempt join migration on migration.id = migration_id join provider on provider.id = migration.provider_id
      where ended_at > now() - ${MINUTES} * interval '1 minute'
    union all
    select provider.name, messages, started_at, now()
      from attempt join job using (migration_id) join provider on provider.id = job.provider_id
      where ended_at is null and holder is not null and not is_free(job)
  )
  select provider, minute, sum(messages * part / greatest(whole, 0.001))::float as messages,
      (sum(part) / 60)::float as slots
    from pieces, lateral (select extract(epoch from ended_at - started_at) as whole) as length,
      lateral generate_series(
        greatest(0, floor(extract(epoch from now() - ended_at) / 60)::int),
        least(${MINUTES} - 1, floor(extract(epoch from now() - started_at) / 60)::int)
      ) as minute,
      lateral (select extract(epoch from least(ended_at, now() - minute * interval '1 minute')
        - greatest(started_at, now() - (minute + 1) * interval '1 minute')) as part) as overlap
    group by 1, 2`

/** Of those minutes, the latest at the end; before the first attempt there are none. */
function minutesOf(rows: readonly { minute: number; messages: number; slots: number }[]): SourceLook['minutes'] {
  const known = new Map(rows.map(({ minute, ...one }) => [minute, one]))
  const first = Math.max(-1, ...known.keys())
  return Array.from({ length: first + 1 }, (_, at) => known.get(first - at) ?? { messages: 0, slots: 0 })
}

const SIZES = sql<OfProvider & SourceLook['counted']>`
  with crossings as (
    select migration_id from migration_transition where to_state = 'synced' and from_state = 'pending'
      order by at desc limit ${COUNTED}
  ), sizes as (
    select migration_id, sum(messages)::float as size from attempt
      where migration_id in (select migration_id from crossings) group by 1
  )
  select name as provider, count(*)::int as people, avg(size) as mean, coalesce(stddev_pop(size), 0) as deviation,
      max(size) as largest
    from sizes join migration on migration.id = migration_id join provider on provider.id = provider_id group by 1`

const REASONS = sql<Reason>`
  select coalesce(code, 'unknown') as code, name as provider, count(*)::int as people, min(address) as address,
      min(changed_at) as since
    from migration join provider on provider.id = provider_id where ${STOPPED}
    group by 1, 2 order by people desc, code, provider`

const RETRYING = sql<Retrying>`
  select coalesce(outcome, 'unknown') as code, name as provider, count(*)::int as people, min(due_at) as "nextAt"
    from job join migration on migration.id = migration_id join provider on provider.id = job.provider_id
      left join lateral (
        select outcome from attempt where attempt.migration_id = job.migration_id and ended_at is not null
          order by id desc limit 1
      ) as last on true
    where failures > 0 and due_at < 'infinity' and code is null group by 1, 2 order by people desc, code, provider`

const RUNNING = sql<Running>`
  select address, name as provider, attempt.host, coalesce(started_at, claimed_at, now()) as "startedAt",
      coalesce(messages, 0) as messages, case progress ->> 'step' when 'copying' then (progress ->> 'ofMessages')::int when 'proving' then messages end as expected, completed_at is null as "isFirst",
      progress
    from job join migration on migration.id = migration_id join provider on provider.id = job.provider_id
      left join lateral (
        select host, started_at, messages, progress from attempt where attempt.migration_id = job.migration_id
          and ended_at is null and started_at >= claimed_at order by id desc limit 1
      ) as attempt on true
    where holder is not null and not is_free(job) order by "startedAt", address`

const WORKERS = sql<WorkingHost>`
  select host, count(*)::int as workers, max(seen_at) as "seenAt"
    from worker join copying_host on copying_host.id = copying_host_id where alive_until > now() group by 1 order by 1`
