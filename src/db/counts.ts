import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { AttemptCount, Counts, JobCount, Standing } from '../operations/standing.ts'
import type { DB } from './schema.ts'

export function counts(db: Kysely<DB>): Counts {
  const rowsOf = async <T>(query: RawBuilder<T>) => (await query.execute(db)).rows
  return {
    people: () =>
      rowsOf(sql<Standing['people'][number]>`
        select name as provider, state, route, count(*)::int as people
          from migration join provider on provider.id = provider_id group by 1, 2, 3 order by 1, 2, 3`),
    stopped: () =>
      rowsOf(sql<Standing['stopped'][number]>`
        select name as provider, coalesce(code, 'unknown') as code, count(*)::int as people
          from migration join provider on provider.id = provider_id
          where state = 'failed' or code is not null and state in ('pending', 'synced')
          group by 1, 2 order by 1, 2`),
    jobs: () =>
      rowsOf(sql<JobCount>`
        select name as provider, waiting, running, coalesce(extract(epoch from now() - oldest), 0)::float as "oldestSeconds"
          from provider
            cross join lateral (
              select count(*)::int as waiting, min(due_at) as oldest from job
                where job.provider_id = provider.id and due_at < 'infinity' and due_at <= now() and is_free(job)
                  and is_open(provider, now())
            ) as due
            cross join lateral (
              select count(*)::int as running from job
                where job.provider_id = provider.id and holder is not null and not is_free(job)
            ) as leased
          order by 1`),
    attempts: () =>
      rowsOf(sql<AttemptCount>`
        select name as provider, outcome, count(*)::int as attempts, sum(messages)::float as messages
          from attempt join migration on migration.id = migration_id join provider on provider.id = provider_id
          where ended_at > now() - interval '1 hour'
          group by 1, 2 order by 1, 2`),
    copied: () =>
      rowsOf(sql<Standing['copied'][number]>`
        select name as provider, copied_total.engine, messages::float, bytes::float
          from copied_total join provider on provider.id = provider_id order by 1, 2`),
    async workers() {
      const [row] = await rowsOf(
        sql<{ workers: number }>`select count(*)::int as workers from worker where alive_until > now()`,
      )
      return row?.workers ?? 0
    },
  }
}
