import type { Account } from '../../model/account.ts'
import type { Attempt } from '../../model/attempt.ts'
import type { AuditEntry } from '../../model/audit.ts'
import type { Migration } from '../../model/migration.ts'
import type { Provider } from '../../model/provider.ts'
import type { PeopleCount } from '../../operations/report.ts'
import { accountRow, attemptRow, auditRow, migrationRow, peopleRow, providerRow } from '../../operations/rows.ts'
import type { ListShape } from './output.ts'

// Which fields of a row are the columns of a table.

export const providerList: ListShape<Provider> = {
  row: providerRow,
  columns: ['name', 'host', 'port', 'tls', 'max_connections', 'login_name', 'cutover', 'refusal'],
}

export const accountList: ListShape<Account> = {
  row: accountRow,
  columns: ['address', 'enabled', 'quota_bytes', 'home'],
}

export const migrationList: ListShape<Migration> = {
  row: migrationRow,
  columns: ['address', 'old_username', 'provider', 'state', 'route', 'code', 'closing'],
}

export const auditList: ListShape<AuditEntry> = {
  row: auditRow,
  columns: ['at', 'actor', 'action', 'subject', 'detail', 'reason'],
}

export const peopleList: ListShape<PeopleCount> = {
  row: peopleRow,
  columns: [
    ...['provider', 'domain', 'awaited', 'captured', 'copying', 'synced', 'done', 'paused', 'failed', 'people'],
    'never_came',
  ],
}

export const attemptList: ListShape<Attempt> = {
  row: attemptRow,
  columns: ['started_at', 'host', 'seconds', 'outcome', 'folders', 'messages'],
}
