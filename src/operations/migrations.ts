import type { Attempts, SourceBytes } from '../copying/ports.ts'
import type { Ledgers } from '../ledger/ports.ts'
import type { Account } from '../model/account.ts'
import type { Attempt, AttemptPlan, LatestAttempt } from '../model/attempt.ts'
import type { AuditEntry } from '../model/audit.ts'
import { Type } from '../model/json-schema.ts'
import type { Difference, Ledger } from '../model/ledger.ts'
import { isReady, type Migration, ROUTES, STATES } from '../model/migration.ts'
import { wholeNumber } from '../model/texts.ts'
import { auditRow } from './audit.ts'
import { code, domain, search } from './fields.ts'
import { differenceRow, ledgerRow } from './ledger-rows.ts'
import * as schemas from './migration-schemas.ts'
import { nextStep } from './next-steps.ts'
import { type Answer, flag, type InputOf, oneOf, operation, optional, text } from './operation.ts'
import { PAGE, pageAnswer, requestIn } from './page.ts'
import { migration } from './person.ts'
import {
  type Accounts,
  type Audit,
  type CredentialFacts,
  type Credentials,
  MIGRATION_SORTS,
  type MigrationFilter,
  type Migrations,
} from './ports.ts'
import { progressRow } from './progress-row.ts'
import { providerField } from './providers.ts'
import { Count, the } from './schema.ts'

export const MIGRATION: Answer<Migration> = { schema: the(schemas.Migration), row: migrationRow }

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
    finish_requested: migration.isFinishRequested,
    flip_requested: migration.isFlipRequested,
    return_requested: migration.isReturnRequested,
    ready: isReady(migration),
    created_at: migration.createdAt,
    changed_at: migration.changedAt,
  }
}

/** Which migrations are meant; default: all. */
export const FILTER = {
  state: optional(oneOf(STATES, 'in this state')),
  provider: optional(providerField('from this provider')),
  domain: optional(text(domain, 'from this domain of the old server')),
  code: optional(text(code, 'failed or not proved, with this code')),
  search: optional(text(search, 'with these words in the address or the old user name', { placeholder: 'text' })),
  finish_requested: flag('to be finished by "postferry sync"'),
  route: optional(oneOf(ROUTES, 'whose sessions and mail go there')),
  flip_requested: flag(
    'to be brought to the new server as soon as the mirror is ready, by a flip or by a finish, which flips first',
  ),
  never_came: flag('still expected, and not signed in yet'),
}

export function filterIn({ provider, ...said }: InputOf<typeof FILTER>): MigrationFilter {
  const { state, domain, code, search, route } = said
  const { finish_requested: isFinishRequested, flip_requested: isFlipRequested, never_came: neverCame } = said
  return {
    ...{ state, provider: provider?.name, domain, code, search, route },
    ...{ isFinishRequested, isFlipRequested, neverCame },
  }
}

export const listMigrations = operation({
  ...{ name: 'migration.list', permission: 'see', summary: 'List the migrations, or those that match' },
  fields: {
    ...FILTER,
    sort: optional(oneOf(MIGRATION_SORTS, 'sorted by this', { fallback: 'address' })),
    descending: flag('the other way round'),
    ...PAGE,
  },
  answer: pageAnswer(schemas.ListedMigration, listedRow),
  async run({ sort, descending, after, before, limit, ...filter }, { migrations, attempts }: ListDeps) {
    const request = requestIn({ after, before, limit })
    const page = await migrations.page({ filter: filterIn(filter), sort, descending, ...request })
    const latest = await attempts.latest(page.rows.map(({ id }) => id))
    return { ...page, rows: page.rows.map((row): ListedMigration => ({ ...row, latest: latest.get(row.id) ?? null })) }
  },
})

interface ListDeps {
  readonly migrations: Pick<Migrations, 'page'>
  readonly attempts: Pick<Attempts, 'latest'>
}

/** A migration, and how its attempts go. */
export interface ListedMigration extends Migration {
  readonly latest: LatestAttempt | null
}

function listedRow({ latest, ...migration }: ListedMigration) {
  return { ...migrationRow(migration), ...latestRow(latest) }
}

function latestRow(latest: LatestAttempt | null) {
  return {
    copying: latest?.isRunning ?? false,
    last_outcome: latest?.outcome ?? null,
    failures: latest?.failures ?? 0,
    next_attempt_at: latest?.isRunning ? null : (latest?.dueAt ?? null),
  }
}

export const countMigrations = operation({
  ...{
    name: 'migration.count',
    permission: 'see',
    summary: 'Count the migrations, or those that match',
    fields: FILTER,
  },
  answer: { schema: Count, row: (count: number) => count },
  async run(filter, { migrations }: { migrations: Pick<Migrations, 'count'> }) {
    return await migrations.count(filterIn(filter))
  },
})

const ATTEMPTS_SHOWN = 10
const ENTRIES_SHOWN = 20
const DIFFERENCES_SHOWN = 100
const MOST_DIFFERENCES = 1_000

/** Everything about one person's move. */
export interface MigrationFacts {
  readonly migration: Migration
  /** Null: none yet. */
  readonly account: Account | null
  readonly credential: CredentialFacts | null
  /** The last ones, latest first. */
  readonly attempts: readonly Attempt[]
  readonly latest: LatestAttempt | null
  /** Bytes that were read at the source today (UTC). */
  readonly readToday: number
  /** The last ones, latest first. */
  readonly entries: readonly AuditEntry[]
  readonly ledger: Ledger | null
  /** A part of the ledger's, and from which on the next part is; null: these are the last. */
  readonly differences: { readonly rows: readonly Difference[]; readonly next: number | null }
}

interface ShowDeps {
  readonly accounts: Pick<Accounts, 'find'>
  readonly credentials: Pick<Credentials, 'factsOf'>
  readonly attempts: Attempts
  readonly sourceBytes: Pick<SourceBytes, 'today'>
  readonly audit: Pick<Audit, 'page'>
  readonly ledgers: Pick<Ledgers, 'find'>
}

export const showMigration = operation({
  ...{ name: 'migration.show', permission: 'see' },
  summary: 'Show everything about a migration: attempts, ledger, credential (not the password), last changes',
  fields: {
    address: migration,
    differences_from: optional(
      text((said) => wholeNumber(said, Number.MAX_SAFE_INTEGER, 0), 'differences from this one on', {
        ...{ schema: Type.Integer({ minimum: 0 }), fallback: 'the first' },
      }),
    ),
    differences_limit: optional(
      text((said) => wholeNumber(said, MOST_DIFFERENCES, 0), 'so many differences at most', {
        ...{ schema: Type.Integer({ minimum: 0 }), fallback: String(DIFFERENCES_SHOWN) },
      }),
    ),
  },
  answer: { schema: the(schemas.MigrationDetail), row: factsRow },
  async run({ address: migration, ...part }, deps: ShowDeps): Promise<MigrationFacts> {
    const { id, address } = migration
    const [account, credential, attempts, latest, readToday, { rows: entries }, ledger] = await Promise.all([
      deps.accounts.find(address),
      deps.credentials.factsOf(address),
      deps.attempts.last(id, ATTEMPTS_SHOWN),
      deps.attempts.latest([id]),
      deps.sourceBytes.today(id),
      deps.audit.page({ filter: { subjects: [address] }, limit: ENTRIES_SHOWN }),
      deps.ledgers.find(id),
    ])
    const all = ledger?.differences ?? []
    const { differences_from: from = 0, differences_limit: limit = DIFFERENCES_SHOWN } = part
    const end = from + limit
    const differences = { rows: all.slice(from, end), next: end < all.length ? end : null }
    return {
      ...{ migration, account, credential, attempts, readToday, entries, ledger, differences },
      latest: latest.get(id) ?? null,
    }
  },
})

/** How a migration goes at this moment. */
export interface MigrationStatus {
  readonly migration: Migration
  /** Null: there was none yet. */
  readonly lastAttempt: Attempt | null
  /** The one before it. */
  readonly attemptBefore: Attempt | null
  readonly plan: AttemptPlan | null
}

export const migrationStatus = operation({
  ...{
    name: 'migration.status',
    permission: 'see',
    summary: 'Tell how a migration goes',
    fields: { address: migration },
  },
  answer: {
    schema: the(schemas.Migration),
    row: ({ migration }: MigrationStatus) => migrationRow(migration),
  },
  async run({ address: migration }, { attempts }: Pick<ShowDeps, 'attempts'>) {
    const [lastAttempt = null, attemptBefore = null] = await attempts.last(migration.id, 2)
    const latest = await attempts.latest([migration.id])
    return { migration, lastAttempt, attemptBefore, plan: latest.get(migration.id) ?? null }
  },
})

function factsRow({
  migration,
  credential,
  attempts,
  latest,
  readToday,
  entries,
  ledger,
  differences,
}: MigrationFacts) {
  return {
    ...migrationRow(migration),
    remedy: nextStep(migration.code),
    ...latestRow(latest),
    read_today: readToday,
    credential_sealed_at: credential?.sealedAt ?? null,
    credential_sealed_to: credential?.sealedTo ?? null,
    credential_opened_at: credential?.openedAt ?? null,
    credential_opened_by: credential?.openedBy ?? null,
    attempts: attempts.map(attemptRow),
    audit: entries.map(auditRow),
    ledger: ledger && ledgerRow(ledger),
    differences: { ...differences, rows: differences.rows.map(differenceRow) },
  }
}

export function attemptRow({ id, host, startedAt, endedAt, outcome, folders, messages, output, ...rest }: Attempt) {
  const seconds = endedAt === null ? null : (endedAt.getTime() - startedAt.getTime()) / 1000
  const progress = rest.progress && progressRow(rest.progress)
  return { id, started_at: startedAt, host, seconds, outcome, folders, messages, output, progress }
}
