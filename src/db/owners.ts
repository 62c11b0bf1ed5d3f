import { sql } from 'kysely'
import type { Owner, Owners } from '../routing/ports.ts'
import type { Database } from './connection/database.ts'
import { userdb } from './userdb.ts'

interface OwnerRow {
  readonly is_here: boolean
  readonly provider: string | null
  readonly old_domain: string
  readonly old_username: string
}

export function owners(database: Pick<Database, 'kysely' | 'ready'>): Owners {
  const { sourceDomainsOf } = userdb(database)
  return {
    sourceDomainsOf,
    async ownerOf(address) {
      const { rows } = await sql<OwnerRow>`
        select account.id is not null and coalesce(route, 'destination') = 'destination' as is_here,
          provider.name as provider, old_domain, old_username
        from (select ${address}::text as address) as asked
          left join account using (address)
          left join migration using (address)
          left join provider on provider.id = provider_id
        where account.id is not null or migration.id is not null`.execute(database.kysely)
      return rows[0] === undefined ? null : toOwner(rows[0])
    },
  }
}

function toOwner({ is_here: isHere, provider, old_domain: oldDomain, old_username: oldUsername }: OwnerRow): Owner {
  return { isHere, from: provider === null ? null : { provider: { name: provider }, oldDomain, oldUsername } }
}
