import type { Account } from '../../model/account.ts'
import type { Attempt } from '../../model/attempt.ts'
import type { AuditEntry } from '../../model/audit.ts'
import type { Migration } from '../../model/migration.ts'
import { type Provider, windowText } from '../../model/provider.ts'
import type { Domain } from '../../policy/records.ts'
import type { PeopleCount } from '../../policy/report.ts'
import type { ListShape } from './output.ts'

// The names of the fields are a contract with whoever reads `--json`.

export const providerList: ListShape<Provider> = {
  row: (provider) => ({
    name: provider.name,
    host: provider.host,
    port: provider.port,
    tls: provider.tls,
    ca_file: provider.caFile,
    fingerprint: provider.fingerprint,
    max_connections: provider.maxConnections,
    login_name: provider.loginName,
    cutover: provider.cutover,
    forward_client: provider.forwardsClient,
    refusal: provider.refusal,
    reopens: provider.reopens,
    window: windowText(provider.window),
    include: provider.include,
    exclude: provider.exclude,
  }),
  columns: ['name', 'host', 'port', 'tls', 'max_connections', 'login_name', 'cutover', 'refusal'],
}

export const domainList: ListShape<Domain> = {
  row: ({ name, newDomain, provider }) => ({ domain: name, new_domain: newDomain, provider }),
  columns: ['domain', 'new_domain', 'provider'],
}

export const accountList: ListShape<Account> = {
  row: ({ address, enabled, home, quotaBytes }) => ({ address, enabled, home, quota_bytes: quotaBytes }),
  columns: ['address', 'enabled', 'home'],
}

export const migrationList: ListShape<Migration> = {
  row: (migration) => ({
    id: migration.id,
    address: migration.address,
    old_username: migration.oldUsername,
    old_domain: migration.oldDomain,
    provider: migration.provider,
    state: migration.state,
    paused_from: migration.pausedFrom,
    route: migration.route,
    code: migration.code,
    created_at: migration.createdAt,
    changed_at: migration.changedAt,
  }),
  columns: ['address', 'old_username', 'provider', 'state', 'route', 'code'],
}

export const auditList: ListShape<AuditEntry> = {
  row: ({ at, actor, action, subject, reason, detail }) => ({ at, actor, action, subject, reason, detail }),
  columns: ['at', 'actor', 'action', 'subject', 'detail', 'reason'],
}

export const peopleList: ListShape<PeopleCount> = {
  row: ({ neverCame, ...counts }) => ({ ...counts, never_came: neverCame }),
  columns: [
    ...['provider', 'domain', 'awaited', 'captured', 'copying', 'synced', 'done', 'paused', 'failed', 'people'],
    'never_came',
  ],
}

export const attemptList: ListShape<Attempt> = {
  row: ({ id, host, startedAt, endedAt, outcome, folders, messages, output }) => ({
    id,
    started_at: startedAt,
    host,
    seconds: endedAt === null ? null : (endedAt.getTime() - startedAt.getTime()) / 1000,
    outcome,
    folders,
    messages,
    output,
  }),
  columns: ['started_at', 'host', 'seconds', 'outcome', 'folders', 'messages'],
}
