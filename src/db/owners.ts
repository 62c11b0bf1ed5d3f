import { sql } from 'kysely'
import type { RouteReads } from '../routing/holds.ts'
import type { Owner, Owners } from '../routing/ports.ts'
import type { Database } from './connection/database.ts'
import { endLateHold } from './routes.ts'
import { userdb } from './userdb.ts'

interface OwnerRow {
  readonly id: string | null
  readonly has_account: boolean
  readonly is_here: boolean
  readonly is_held: boolean
  readonly is_over: boolean
  readonly provider: string | null
  readonly old_domain: string
  readonly old_username: string
}

/** @param reads counts the reads that become answers */
export function owners(database: Pick<Database, 'kysely' | 'ready'>, reads: RouteReads): Owners {
  const { sourceDomainsOf } = userdb(database)
  const read = async (address: string) => {
    const { rows } = await sql<OwnerRow>`
      select migration.id, account.id is not null as has_account, account.id is not null and coalesce(route, 'destination') = 'destination' as is_here,
        coalesce(route, '') = 'held' as is_held, coalesce(held_until < clock_timestamp(), true) as is_over,
        provider.name as provider, old_domain, old_username
      from (select ${address}::text as address) as asked
        left join account using (address)
        left join migration using (address)
        left join provider on provider.id = provider_id
        left join flip on flip.migration_id = migration.id
      where account.id is not null or migration.id is not null`.execute(database.kysely)
    return rows[0]
  }
  return {
    sourceDomainsOf,
    async ownerOf(address) {
      const row = await reads.read(() => read(address))
      if (row?.id == null || !row.is_held || !row.is_over) return row === undefined ? null : toOwner(row)
      await endLateHold(database.kysely, row.id)
      const again = await reads.read(() => read(address))
      return again === undefined ? null : toOwner(again)
    },
  }
}

function toOwner({ provider, ...row }: OwnerRow): Owner {
  const { has_account: hasAccount, is_here: isHere, is_held: isHeld } = row
  const { old_domain: oldDomain, old_username: oldUsername } = row
  return {
    hasAccount,
    isHere,
    isHeld,
    from: provider === null ? null : { provider: { name: provider }, oldDomain, oldUsername },
  }
}
