import type { Account } from '../model/account.ts'
import type { Attempt } from '../model/attempt.ts'
import type { AuditEntry } from '../model/audit.ts'
import { type Difference, type Ledger, type LedgerFolder, totalOf } from '../model/ledger.ts'
import { decodeName } from '../model/mailbox.ts'
import type { Migration } from '../model/migration.ts'
import type { Provider } from '../model/provider.ts'
import { PROVIDER_ROWS } from '../model/provider-fields.ts'
import type { Erased } from '../model/retention.ts'
import type { ProviderStatus } from '../source/ports.ts'
import type { ProbeStep } from '../source/probe.ts'
import type { Collision } from './collisions.ts'
import type { CredentialFacts } from './ports.ts'
import type { ProviderHealth } from './provider-health.ts'
import { type PeopleCount, type Report, total } from './report.ts'

// The names of the fields are a contract with whoever reads JSON, of a command or of the API.

export function providerRow(provider: Provider): Record<string, unknown> {
  return {
    name: provider.name,
    ...Object.fromEntries(PROVIDER_ROWS.map(([key, row]) => [row.name, row.json?.(provider[key]) ?? provider[key]])),
    refusal: provider.refusal,
    tested_at: provider.lastTest?.at ?? null,
    test_failed: provider.lastTest?.failedStep ?? null,
  }
}

export function stepRow({ step, ok, found, remedy, learned, milliseconds, daysLeft }: ProbeStep) {
  return {
    ...{ step, ok, found, milliseconds },
    ...(remedy !== undefined && { remedy }),
    ...(learned !== undefined && { learned }),
    ...(daysLeft !== undefined && { days_left: daysLeft }),
  }
}

export function healthRow({ failedStep, latencyMs, daysLeft, checkedAt, status, ...health }: ProviderHealth) {
  return {
    ...health,
    ...{ failed_step: failedStep, latency_ms: latencyMs, days_left: daysLeft, checked_at: checkedAt },
    ...usageRow(status),
  }
}

/** How a process uses a provider; null where it has not asked there yet. */
export function usageRow(status: ProviderStatus | null) {
  return {
    breaker: status?.breaker ?? null,
    connections_in_use: status?.running ?? null,
    waiting: status?.waiting ?? null,
  }
}

export function accountRow({ address, enabled, home, quotaBytes }: Account) {
  return { address, enabled, home, quota_bytes: quotaBytes }
}

export function migrationRow(migration: Migration) {
  return {
    id: migration.id,
    address: migration.address,
    old_username: migration.oldUsername,
    old_domain: migration.oldDomain,
    provider: migration.provider,
    state: migration.state,
    paused_from: migration.pausedFrom,
    route: migration.route,
    code: migration.code,
    closing: migration.isFinishRequested,
    created_at: migration.createdAt,
    changed_at: migration.changedAt,
  }
}

/** What is known of a migration's credential. */
export function credentialRow(facts: CredentialFacts | null) {
  return {
    credential_sealed_at: facts?.sealedAt ?? null,
    credential_sealed_to: facts?.sealedTo ?? null,
    credential_opened_at: facts?.openedAt ?? null,
    credential_opened_by: facts?.openedBy ?? null,
  }
}

export function auditRow({ at, actor, action, subject, reason, detail }: AuditEntry) {
  return { at, actor, action, subject, reason, detail }
}

export function attemptRow({ id, host, startedAt, endedAt, outcome, folders, messages, output }: Attempt) {
  return {
    id,
    started_at: startedAt,
    host,
    seconds: endedAt === null ? null : (endedAt.getTime() - startedAt.getTime()) / 1000,
    outcome,
    folders,
    messages,
    output,
  }
}

export function peopleRow({ neverCame, ...counts }: PeopleCount) {
  return { ...counts, never_came: neverCame }
}

function collisionRow({ oldDomain, oldUsername, ...collision }: Collision) {
  return { ...collision, old_domain: oldDomain, old_username: oldUsername }
}

export function reportRow(report: Report) {
  const { people, failures, collisions, stranded, burnDown, remaining, perDay, estimatedEnd, erased, expiring } = report
  return {
    people: people.map(peopleRow),
    total: peopleRow(total(people)),
    ...{ failures, stranded },
    collisions: collisions.map(collisionRow),
    burn_down: burnDown,
    ...{ remaining, per_day: perDay, estimated_end: estimatedEnd },
    erased: erased.map(erasedRow),
    expiring,
  }
}

export function erasedRow({ what, days, lookedAt, erased }: Erased) {
  return { what, days: days === 0 ? null : days, looked_at: lookedAt, erased }
}

/** What a ledger comes to. */
export function ledgerSummary({ code, takenAt, seconds, fetched, folders }: Ledger) {
  const { messages, proved, extra, duplicated, counts, faults, changes } = totalOf(folders)
  return {
    ...{ clean: code === null, code, taken_at: takenAt, seconds, fetched },
    ...{ messages, proved, extra, duplicated, faults, changes, counts },
    folders: folders.map(folderRow),
  }
}

function folderRow({ provedUids, lostUids, acceptedUids, acceptedUnlisted, uidValidity, ...folder }: LedgerFolder) {
  return { ...folder, name: decodeName(folder.name), uid_validity: uidValidity }
}

export function differenceRow({ messageId, folder, ...difference }: Difference) {
  return { ...difference, folder: decodeName(folder), message_id: messageId }
}
