import { type Kysely, sql } from 'kysely'
import type { Places, Stranded } from '../copying/copying-hosts.ts'
import type { DB } from './schema.ts'

const ALIVE = sql`interval '30 seconds'`
const BEAT_MS = 10_000
/** So long people may be due in an installation of one place before it shows. */
const OVERDUE = sql`interval '1 hour'`

export function places(db: Kysely<DB>): Places {
  return {
    async serve({ id, host, place }, folder) {
      await db.transaction().execute(async (trx) => {
        await sql`insert into place (id, host, folder) values (${place}, ${host}, ${folder})
          on conflict (id) do update set host = excluded.host, folder = excluded.folder, seen_at = now()`.execute(trx)
        await inherit(trx, place)
        await sql`delete from worker where alive_until < now()`.execute(trx)
      })
      const live = () => beat(db, id, place)
      await live()
      // The database may be away: then others may think that nobody is here, until it is back.
      const timer = setInterval(() => live().catch(() => undefined), BEAT_MS)
      return {
        async [Symbol.asyncDispose]() {
          clearInterval(timer)
          await sql`delete from worker where id = ${id}`.execute(db).catch(() => undefined)
        },
      }
    },
    strandedBesides: (place) => stranded(db, sql<boolean>`turn.place <> ${place}`),
    async stranded({ provider = null, domain = null }) {
      const latest = sql`(select id from place order by seen_at desc limit 1)`
      return await stranded(
        db,
        sql<boolean>`(turn.place <> ${latest} or due_at < now() - ${OVERDUE})
          and (${provider}::text is null or provider.name = ${provider})
          and (${domain}::text is null or old_domain = ${domain})`,
      )
    },
    async placeOf(migrationId) {
      const { rows } = await sql<{ id: string; host: string; folder: string }>`
        select place.id, host, folder from turn join place on place.id = turn.place
          where migration_id = ${migrationId}`.execute(db)
      return rows[0] ?? null
    },
    async lastAt(host, folder) {
      const { rows } = await sql<{ id: string; people: number }>`
        select place.id, (select count(*)::int from turn where turn.place = place.id and due_at < 'infinity') as people
          from place where host = ${host} and folder = ${folder} order by seen_at desc limit 1`.execute(db)
      return rows[0] ?? null
    },
  }
}

/** Whatever was in this folder before is not there any more: its people come with the folder, and it is their turn. */
async function inherit(db: Kysely<DB>, place: string): Promise<void> {
  await sql`
    with former as (
      select former.id from place as former join place as mine using (host, folder)
        where mine.id = ${place} and former.id <> mine.id and not is_served(former.id)
    ), moving as materialized (
      select migration_id from turn where place in (select id from former) and not is_released
        order by migration_id for update
    ), moved as (
      update turn set place = ${place}, due_at = case when due_at < 'infinity' then least(due_at, now()) else due_at end
        from moving where turn.migration_id = moving.migration_id
    )
    delete from place where id in (select id from former)`.execute(db)
}

async function beat(db: Kysely<DB>, id: string, place: string): Promise<void> {
  await sql`
    with seen as (update place set seen_at = now() where id = ${place})
    insert into worker (id, place, alive_until) values (${id}, ${place}, now() + ${ALIVE})
      on conflict (id) do update set alive_until = excluded.alive_until`.execute(db)
}

async function stranded(db: Kysely<DB>, where: ReturnType<typeof sql<boolean>>): Promise<Stranded[]> {
  const { rows } = await sql<Stranded>`
    select coalesce(place.host, 'a host that is not known any more') as host, coalesce(folder, '') as folder,
        count(*)::int as people
      from turn join migration on migration.id = migration_id join provider on provider.id = turn.provider_id
        left join place on place.id = turn.place
      where due_at <= now() and is_open(provider, now()) and is_free(turn) and turn.place is not null
        and not is_released and is_abandoned(turn.place) and ${where}
      group by 1, 2 order by 1, 2`.execute(db)
  return rows
}
