import { sql } from 'kysely'
import type { KeptPassword, Userdb } from '../auth/ports.ts'
import type { PasswordSource } from '../model/account.ts'
import { MOST_MERGED } from '../model/domain.ts'
import { needsCredential } from '../model/migration.ts'
import { ACCOUNT_COLUMNS, toAccount } from './accounts.ts'
import type { Database } from './connection/database.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'

const EARLIER_PASSWORDS = sql<KeptPassword[]>`coalesce((
  select json_agg(json_build_object('hash', earlier.password_hash, 'isDoubtful', not is_confirmed) order by earlier.id desc)
  from account_password as earlier where account_id = account.id), '[]')`.as('earlier_passwords')

/** What a login looks up first waits for the schema. */
export function userdb({ kysely: db, ready }: Pick<Database, 'kysely' | 'ready'>): Userdb {
  return {
    async sourceDomainsOf(domain) {
      await ready()
      const rows = await db
        .selectFrom('domain')
        .innerJoin('provider', 'provider.id', 'domain.provider_id')
        .select(['domain.name as old_domain', 'domain.new_domain', 'is_closed', ...PROVIDER_COLUMNS])
        .where(({ eb, or }) => or([eb('domain.name', '=', domain), eb('domain.new_domain', '=', domain)]))
        .orderBy(({ eb }) => eb('domain.name', '=', domain), 'desc')
        .orderBy('is_closed')
        .orderBy('domain.name')
        .limit(MOST_MERGED)
        .execute()
      const sources = rows.map((row) => {
        const { old_domain: oldDomain, new_domain: newDomain, is_closed: isClosed } = row
        return { provider: toProvider(row), oldDomain, newDomain, isClosed }
      })
      // Nothing becomes a domain that is renamed itself.
      return sources[0]?.newDomain === domain ? sources : sources.slice(0, 1)
    },
    async accountOf(address) {
      const row = await db
        .selectFrom('account')
        .leftJoin('migration', 'migration.account_id', 'account.id')
        .leftJoin('provider', 'provider.id', 'migration.provider_id')
        .select([...ACCOUNT_COLUMNS, 'password_hash', 'password_source', 'old_domain', 'old_username', 'state', 'code'])
        .select(PROVIDER_COLUMNS)
        .select(EARLIER_PASSWORDS)
        .where('account.address', '=', address)
        .executeTakeFirst()
      if (row === undefined) return null
      const { old_domain: oldDomain, old_username: oldUsername, code } = row
      const from =
        oldDomain === null || oldUsername === null
          ? null
          : { provider: toProvider(row as Parameters<typeof toProvider>[0]), oldDomain, oldUsername }
      const isLive = from !== null && row.state !== 'done'
      const lacksCredential = isLive ? needsCredential({ code }) : (from?.provider.reopens ?? false)
      return {
        account: toAccount(row),
        passwords: [{ hash: row.password_hash, isDoubtful: false }, ...row.earlier_passwords],
        passwordSource: row.password_source as PasswordSource,
        ...{ from, isLive, needsCredential: lacksCredential && row.password_source === 'source' },
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
    async addressesAfter(address, limit) {
      await ready()
      const query = db.selectFrom('account').select('address').where('address', '>', address)
      return (await query.orderBy('address').limit(limit).execute()).map((row) => row.address)
    },
  }
}
