import { type Kysely, sql } from 'kysely'
import type { Collision, Collisions, Sharing } from '../operations/collisions.ts'
import type { DB } from './schema.ts'

/** Whoever has not tried again for so long does not want it any more. */
const COLLISION_DAYS = 30
const MOST_SHOWN = 1_000

export function collisions(db: Kysely<DB>): Collisions {
  return {
    async wanted() {
      const { rows } = await sql<Collision>`
        select collision.address, provider.name as provider, old_domain as "oldDomain",
          collision.old_username as "oldUsername", collision.at, rival.what, rival.whose
        from collision join provider on provider.id = collision.provider_id
          cross join lateral (
            select 'address' as what, old_username as whose from migration
              where address = collision.address
                and (provider_id, old_username) <> (collision.provider_id, collision.old_username)
            union all select 'mailbox', address from migration
              where provider_id = collision.provider_id and old_username = collision.old_username
                and state <> 'done' and not is_double and address <> collision.address
            union all select 'home', address from home
              where path = collision.home and address <> collision.address
            limit 1
          ) as rival
        where collision.at > now() - ${COLLISION_DAYS} * interval '1 day'
        order by collision.at desc, address limit ${MOST_SHOWN}`.execute(db)
      return rows
    },
    async shared() {
      const { rows } = await sql<Sharing>`
        select 'home' as what, home as name, array_agg(address order by address) as addresses
          from (select home, address from account union select home, address from migration where home is not null) as one
          group by home having count(*) > 1
        union all select 'mailbox', old_username, array_agg(address order by address)
          from migration where state <> 'done'
          group by provider_id, old_username having count(*) > 1
        limit ${MOST_SHOWN}`.execute(db)
      return rows
    },
  }
}
