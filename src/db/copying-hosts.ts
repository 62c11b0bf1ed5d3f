import { type Kysely, sql } from 'kysely'
import type { Able, CopyingHosts, Stranded } from '../copying/copying-hosts.ts'
import type { Worker } from '../copying/ports.ts'
import type { DB } from './schema.ts'

const ALIVE = sql`interval '30 seconds'`
/** What has not copied for so long may be another machine by now. */
const LATELY = sql`interval '1 day'`
const BEAT_MS = 10_000
/** How long people may be due where there is one copying host only, before it shows. */
const OVERDUE = sql`interval '1 hour'`

export function copyingHosts(db: Kysely<DB>): CopyingHosts {
  return {
    async serve({ id, host, copyingHost }, folder, tell) {
      const live = async () => beat(db, { id, host, copyingHost }, folder, await tell())
      await live()
      await inherit(db, copyingHost)
      await sql`delete from worker where alive_until < now()`.execute(db)
      // The database may be away: then others may think that nobody is here, until it is back.
      const timer = setInterval(() => live().catch(() => undefined), BEAT_MS)
      return {
        async [Symbol.asyncDispose]() {
          clearInterval(timer)
          await sql`delete from worker where id = ${id}`.execute(db).catch(() => undefined)
        },
      }
    },
    async able() {
      const { rows } = await sql<Able & { host: string }>`
        select distinct host, engine, engine_why as why, nullif(cannot_flip, '') as "cannotFlip" from copying_host
          where engine is not null and cannot_flip is not null and seen_at > now() - ${LATELY}
          order by host, engine`.execute(db)
      return rows
    },
    strandedBesides: (copyingHost) => stranded(db, sql<boolean>`job.copying_host_id <> ${copyingHost}`),
    async stranded({ provider = null, domain = null }) {
      const latest = sql`(select id from copying_host order by seen_at desc limit 1)`
      return await stranded(
        db,
        sql<boolean>`(job.copying_host_id <> ${latest} or due_at < now() - ${OVERDUE})
          and (${provider}::text is null or provider.name = ${provider})
          and (${domain}::text is null or old_domain = ${domain})`,
      )
    },
    async of(migrationId) {
      const { rows } = await sql<{ id: string; host: string; folder: string }>`
        select copying_host.id, host, folder from job join copying_host on copying_host.id = copying_host_id
          where migration_id = ${migrationId}`.execute(db)
      return rows[0] ?? null
    },
    async workersFor(migrationId) {
      const { rows } = await sql<{ host: string }>`
        select distinct host from job cross join worker join copying_host on copying_host.id = worker.copying_host_id
          where migration_id = ${migrationId} and alive_until > now()
            and (is_for_any_host or coalesce(job.copying_host_id, copying_host.id) = copying_host.id)
          order by host`.execute(db)
      return rows.map(({ host }) => host)
    },
    async lastAt(host, folder) {
      const { rows } = await sql<{ id: string; people: number }>`
        select id, (select count(*)::int from job where copying_host_id = copying_host.id and due_at < 'infinity') as people
          from copying_host where host = ${host} and folder = ${folder} order by seen_at desc limit 1`.execute(db)
      return rows[0] ?? null
    },
  }
}

/** The sync state that was in this folder before is gone: its people belong to the new one, and are due. */
async function inherit(db: Kysely<DB>, copyingHost: string): Promise<void> {
  await sql`
    with former as (
      select former.id from copying_host as former join copying_host as mine using (host, folder)
        where mine.id = ${copyingHost} and former.id <> mine.id and not is_served(former.id)
    ), moving as materialized (
      select migration_id from job where copying_host_id in (select id from former) and not is_for_any_host
        order by migration_id for update
    ), moved as (
      update job set copying_host_id = ${copyingHost},
          due_at = case when due_at < 'infinity' then least(due_at, now()) else due_at end
        from moving where job.migration_id = moving.migration_id
    )
    delete from copying_host where id in (select id from former)`.execute(db)
}

type Beating = Pick<Worker, 'id' | 'host' | 'copyingHost'>

async function beat(
  db: Kysely<DB>,
  { id, host, copyingHost }: Beating,
  folder: string,
  { engine, why, cannotFlip }: Able,
): Promise<void> {
  const told = sql`${host}, ${folder}, ${engine}, ${why}, ${cannotFlip ?? ''}`
  await sql`
    with seen as (
      insert into copying_host (id, host, folder, engine, engine_why, cannot_flip) values (${copyingHost}, ${told})
        on conflict (id) do update set (host, folder, engine, engine_why, cannot_flip, seen_at) = (${told}, now())
    )
    insert into worker (id, copying_host_id, alive_until) values (${id}, ${copyingHost}, now() + ${ALIVE})
      on conflict (id) do update set alive_until = excluded.alive_until`.execute(db)
}

async function stranded(db: Kysely<DB>, where: ReturnType<typeof sql<boolean>>): Promise<Stranded[]> {
  const { rows } = await sql<Stranded>`
    select coalesce(copying_host.host, 'a host that is not known any more') as host, coalesce(folder, '') as folder,
        count(*)::int as people
      from job join migration on migration.id = migration_id join provider on provider.id = job.provider_id
        left join copying_host on copying_host.id = copying_host_id
      where due_at <= now() and is_open(provider, now()) and is_free(job) and job.copying_host_id is not null
        and not is_for_any_host and is_abandoned(job.copying_host_id) and ${where}
      group by 1, 2 order by 1, 2`.execute(db)
  return rows
}
