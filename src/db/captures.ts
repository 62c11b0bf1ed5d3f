import type { Kysely, Transaction } from 'kysely'
import type { Account } from '../model/account.ts'
import type { Arrival, Captures } from '../policy/ports.ts'
import { ACCOUNT_COLUMNS, toAccount } from './accounts.ts'
import { renewCredential, storeCredential } from './credentials.ts'
import type { DB } from './schema.ts'

export function captures(db: Kysely<DB>): Captures {
  return {
    capture: (arrival) =>
      db.transaction().execute(async (trx) => (await provision(arrival, trx)) ?? (await renew(arrival, trx))),
  }
}

/** Account, migration and credential of a newcomer; null when the account exists. */
async function provision(arrival: Arrival, trx: Transaction<DB>): Promise<Account | null> {
  const account = await trx
    .insertInto('account')
    .values({
      address: arrival.address.text,
      password_hash: arrival.passwordHash,
      password_source: 'old',
      home: arrival.home,
    })
    .onConflict((conflict) => conflict.column('address').doNothing())
    .returning(['account.id', ...ACCOUNT_COLUMNS])
    .executeTakeFirst()
  if (account === undefined) return null
  const provider = await trx
    .selectFrom('provider')
    .select('id')
    .where('name', '=', arrival.provider.name)
    .executeTakeFirstOrThrow()
  const migration = await trx
    .insertInto('migration')
    .values({
      account_id: account.id,
      provider_id: provider.id,
      old_domain: arrival.oldDomain,
      old_username: arrival.oldUsername,
      state: 'pending',
      route: arrival.provider.cutover === 'proxied' ? 'old' : 'new',
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await storeCredential(migration.id, arrival.sealed, trx)
  return toAccount(account)
}

/** A new password of a captured person; null when OLD has no say about the account (any more). */
async function renew(arrival: Arrival, trx: Transaction<DB>): Promise<Account | null> {
  const found = await trx
    .selectFrom('account')
    .innerJoin('migration', 'migration.account_id', 'account.id')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['account.id as account_id', 'migration.id', ...ACCOUNT_COLUMNS])
    .where('account.address', '=', arrival.address.text)
    .where('account.password_source', '=', 'old')
    .where('migration.state', '<>', 'done')
    .where('migration.old_username', '=', arrival.oldUsername)
    .where('provider.name', '=', arrival.provider.name)
    .forUpdate(['account', 'migration'])
    .executeTakeFirst()
  if (found === undefined) return null
  await trx
    .updateTable('account')
    .set({ password_hash: arrival.passwordHash, password_changed_at: new Date() })
    .where('id', '=', found.account_id)
    .execute()
  await renewCredential(found.id, arrival.sealed, trx)
  return toAccount(found)
}
