import type { Kysely, Selectable } from 'kysely'
import type { Account } from '../model/account.ts'
import type { Accounts } from '../policy/records.ts'
import type { Account as AccountTable, DB } from './schema.ts'

export const ACCOUNT_COLUMNS = ['account.address', 'account.home', 'account.quota_bytes', 'account.enabled'] as const

const BATCH = 1_000

export function toAccount(
  row: Pick<Selectable<AccountTable>, 'address' | 'home' | 'quota_bytes' | 'enabled'>,
): Account {
  const { address, home, quota_bytes, enabled } = row
  return { address, home, quotaBytes: quota_bytes === null ? null : Number(quota_bytes), enabled }
}

export function accounts(db: Kysely<DB>): Accounts {
  return {
    async *list() {
      const rows = db.selectFrom('account').select(ACCOUNT_COLUMNS).orderBy('address').stream(BATCH)
      for await (const row of rows) yield toAccount(row)
    },
    async find(address) {
      const row = await db
        .selectFrom('account')
        .select(ACCOUNT_COLUMNS)
        .where('address', '=', address)
        .executeTakeFirst()
      return row === undefined ? null : toAccount(row)
    },
    async setPassword(address, passwordHash) {
      const { numUpdatedRows } = await db
        .updateTable('account')
        .set({ password_hash: passwordHash, password_source: 'new', password_changed_at: new Date() })
        .where('address', '=', address)
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },
    async setEnabled(address, enabled) {
      const { numUpdatedRows } = await db
        .updateTable('account')
        .set({ enabled })
        .where('address', '=', address)
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },
  }
}
