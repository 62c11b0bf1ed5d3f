import { type Kysely, sql } from 'kysely'
import type { Outcome } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import type { State } from '../model/migration.ts'
import type { Turn } from '../policy/copying.ts'
import { HOME } from './migrations.ts'
import { PROVIDER_COLUMNS, toProvider } from './providers.ts'
import type { DB } from './schema.ts'

// The outcomes that a person overrules by "retry".
const STOPS = ['old-recreated', 'old-shrunk', 'state-lost'] as const

/** Everything that a worker has to know of a migration whose turn it is. */
export async function readTurn(db: Kysely<DB>, migrationId: string): Promise<Turn> {
  const row = await db
    .selectFrom('turn')
    .innerJoin('migration', 'migration.id', 'turn.migration_id')
    .leftJoin('account', 'account.id', 'migration.account_id')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .leftJoin('credential', 'credential.migration_id', 'migration.id')
    .select([...PROVIDER_COLUMNS, 'migration.address', HOME.as('home'), 'migration.state', 'migration.closing_since'])
    .select(['credential.sealed', 'turn.failures', 'turn.quiet', 'turn.seen', 'turn.completed_at'])
    .select(hasCopied.as('has_copied'))
    .select(lastStop.as('last_stop'))
    .where('turn.migration_id', '=', migrationId)
    .executeTakeFirstOrThrow()
  return {
    migrationId,
    address: row.address,
    order: { id: migrationId, home: row.home, provider: toProvider(row) },
    state: row.state as State,
    isClosing: row.closing_since !== null,
    sealed: row.sealed,
    failures: row.failures,
    quiet: row.quiet,
    seen: row.seen as readonly MailboxStatus[] | null,
    completedAt: row.completed_at,
    hasCopied: row.has_copied,
    overruled: STOPS.find((stop) => stop === row.last_stop) ?? null,
  }
}

const hasCopied = sql<boolean>`(turn.completed_at is not null or exists (
  select from attempt where attempt.migration_id = turn.migration_id and messages > 0))`

const lastStop = sql<Outcome | null>`(select outcome from attempt where attempt.migration_id = turn.migration_id
  and outcome = any(${['complete', ...STOPS]}) order by attempt.id desc limit 1)`
