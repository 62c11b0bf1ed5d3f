import { type Kysely, type Selectable, sql, type Transaction, type Updateable } from 'kysely'
import type { Account } from '../model/account.ts'
import type { Change } from '../model/audit.ts'
import { refuseOwnPassword } from '../model/migration.ts'
import type { Pop3Uidl } from '../model/provider.ts'
import type { Accounts } from '../operations/ports.ts'
import { record } from './audit.ts'
import { readPage } from './cursor.ts'
import type { Account as AccountTable, DB } from './schema.ts'
import { STATUS_COLUMNS, toStatus } from './status.ts'

export const ACCOUNT_COLUMNS = [
  ...(['account.address', 'account.home', 'account.quota_bytes', 'account.enabled'] as const),
  ...(['account.namespace_prefix', 'account.namespace_separator', 'account.kept_uidl'] as const),
] as const

export function toAccount(
  row: Pick<
    Selectable<AccountTable>,
    'address' | 'home' | 'quota_bytes' | 'enabled' | 'namespace_prefix' | 'namespace_separator' | 'kept_uidl'
  >,
): Account {
  const { address, home, quota_bytes, enabled, namespace_prefix: prefix, namespace_separator: separator } = row
  const namespace = prefix === null || separator === null ? {} : { namespace: { prefix, separator } }
  const uidl = row.kept_uidl === null ? {} : { pop3Uidl: row.kept_uidl as Exclude<Pop3Uidl, 'dovecot'> }
  const quotaBytes = quota_bytes === null ? null : Number(quota_bytes)
  return { address, home, quotaBytes, enabled, ...namespace, ...uidl }
}

export function accounts(db: Kysely<DB>): Accounts {
  return {
    async page(request) {
      const { rows, ...cursors } = await readPage(request, ({ from, isBackwards, limit }) =>
        db
          .selectFrom('account')
          .select([...ACCOUNT_COLUMNS, 'address as cursor'])
          .$if(from !== null, (query) =>
            query.where('list_key', isBackwards ? '<' : '>', sql<string>`list_key(${from})`),
          )
          .orderBy('list_key', isBackwards ? 'desc' : 'asc')
          .limit(limit)
          .execute(),
      )
      return { rows: rows.map(toAccount), ...cursors }
    },
    async find(address) {
      const row = await db
        .selectFrom('account')
        .select(ACCOUNT_COLUMNS)
        .where('address', '=', address)
        .executeTakeFirst()
      return row === undefined ? null : toAccount(row)
    },
    setPassword(address, passwordHash, by) {
      const to = { password_hash: passwordHash, password_source: 'destination', password_changed_at: new Date() }
      return change(db, address, to, { ...by, action: 'account.passwd' })
    },
    setEnabled: (address, enabled, by) =>
      change(db, address, { enabled }, { ...by, action: enabled ? 'account.enable' : 'account.disable' }),
    setQuota(address, bytes, by) {
      const detail = bytes === null ? 'none' : `${bytes} bytes`
      return change(db, address, { quota_bytes: bytes }, { ...by, action: 'account.quota', detail })
    },
  }
}

/** Whether there is such an account, which then is changed. A password of the destination's own is the only one. */
function change(db: Kysely<DB>, address: string, to: Updateable<AccountTable>, why: Change): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const account = await trx
      .updateTable('account')
      .set(to)
      .where('address', '=', address)
      .returning('id')
      .executeTakeFirst()
    if (account === undefined) return false
    if (to.password_hash !== undefined) {
      await refuseElsewhere(trx, address)
      await trx.deleteFrom('account_password').where('account_id', '=', account.id).execute()
    }
    await record(trx, address, why)
    return true
  })
}

/** Alone with the migration, behind the account, as sign-ins lock both: no return begins meanwhile. @throws Refused */
async function refuseElsewhere(trx: Transaction<DB>, address: string): Promise<void> {
  const migration = await trx
    .selectFrom('migration')
    .select(STATUS_COLUMNS)
    .where('address', '=', address)
    .forUpdate()
    .executeTakeFirst()
  if (migration !== undefined) refuseOwnPassword(toStatus(migration))
}
