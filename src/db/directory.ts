import type { Kysely } from 'kysely'
import type { PasswordSource } from '../model/account.ts'
import type { Directory } from '../policy/ports.ts'
import { ACCOUNT_COLUMNS, toAccount } from './accounts.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB } from './schema.ts'

/** What a sign-in looks up. */
export function directory(db: Kysely<DB>): Directory {
  return {
    async sourceOf(domain) {
      const rows = await db
        .selectFrom('domain')
        .innerJoin('provider', 'provider.id', 'domain.provider_id')
        .select(['domain.name as old_domain', 'domain.new_domain', ...PROVIDER_COLUMNS])
        .where(({ eb, or }) => or([eb('domain.name', '=', domain), eb('domain.new_domain', '=', domain)]))
        .limit(3)
        .orderBy(({ eb }) => eb('domain.name', '=', domain), 'desc')
        .execute()
      const [first] = rows
      // A new domain that several old ones become does not tell which of them a newcomer is from.
      if (first === undefined || (first.old_domain !== domain && rows.length > 1)) return null
      return { provider: toProvider(first), oldDomain: first.old_domain, newDomain: first.new_domain }
    },
    async accountOf(address) {
      const row = await db
        .selectFrom('account')
        .leftJoin('migration', 'migration.account_id', 'account.id')
        .leftJoin('provider', 'provider.id', 'migration.provider_id')
        .select([...ACCOUNT_COLUMNS, 'password_hash', 'password_source', 'old_domain', 'old_username', 'state'])
        .select(PROVIDER_COLUMNS)
        .where('account.address', '=', address)
        .executeTakeFirst()
      if (row === undefined) return null
      const { old_domain: oldDomain, old_username: oldUsername } = row
      const migration =
        oldDomain === null || oldUsername === null
          ? null
          : { provider: toProvider(row as Parameters<typeof toProvider>[0]), oldDomain, oldUsername }
      return {
        account: toAccount(row),
        passwordHash: row.password_hash,
        passwordSource: row.password_source as PasswordSource,
        liveMigration: row.state === 'done' ? null : migration,
        reopening: row.state === 'done' && row.reopens && row.password_source === 'old' ? migration : null,
      }
    },
    async awaited(address) {
      const row = await db
        .selectFrom('migration')
        .innerJoin('provider', 'provider.id', 'migration.provider_id')
        .select(['old_domain', 'old_username', 'state', ...PROVIDER_COLUMNS])
        .where('address', '=', address)
        .where('account_id', 'is', null)
        .executeTakeFirst()
      if (row === undefined) return null
      return {
        provider: toProvider(row),
        oldDomain: row.old_domain,
        oldUsername: row.old_username,
        closed: row.state === 'done' && !row.reopens,
      }
    },
  }
}
