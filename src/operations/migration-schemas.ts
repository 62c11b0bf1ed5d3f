import { OUTCOMES } from '../model/attempt.ts'
import { Type } from '../model/json-schema.ts'
import { CHANGES, FAULTS } from '../model/ledger.ts'
import { ROUTES, STATES } from '../model/migration.ts'
import { ProgressSchema } from './progress-row.ts'
import { Count, listOf, orNull, Text, Time, the } from './schema.ts'
import { AuditEntry } from './schemas.ts'

// The same for a migration, and what is known of it.

const State = Type.Enum(STATES)

const MIGRATION = {
  id: Text,
  address: Text,
  old_username: Text,
  old_domain: Text,
  provider: Text,
  state: State,
  paused_from: orNull(State),
  route: Type.Enum(ROUTES),
  code: orNull(Text),
  finish_requested: Type.Boolean({ description: 'The next complete attempt with a clean ledger finishes it' }),
  flip_requested: Type.Boolean({ description: 'The flip begins as soon as the mirror is ready' }),
  return_requested: Type.Boolean({ description: 'The person is led back to the old server' }),
  ready: Type.Boolean({ description: 'The mirror is proved: a flip would take a moment' }),
  created_at: Time,
  changed_at: Time,
}
export const Migration = Type.Object(MIGRATION, { $id: 'Migration' })

const LATEST = {
  copying: Type.Boolean({ description: 'At this moment' }),
  last_outcome: orNull(Type.Enum(OUTCOMES)),
  failures: Type.Integer({ minimum: 0, description: 'Attempts in a row that failed' }),
  next_attempt_at: orNull(Time),
}

export const ListedMigration = Type.Object(
  {
    ...MIGRATION,
    ...LATEST,
  },
  { $id: 'ListedMigration' },
)

export const Finished = Type.Object(
  {
    ...MIGRATION,
    proof: orNull(
      Type.String({ description: 'Finished, this is known of the copy: proved, what is lost, or never compared' }),
    ),
  },
  { $id: 'Finished' },
)

export const Attempt = Type.Object(
  {
    id: Text,
    started_at: Time,
    host: Text,
    seconds: orNull(Type.Number()),
    outcome: orNull(Type.Enum(OUTCOMES)),
    folders: Count,
    messages: Count,
    output: Text,
    progress: orNull(the(ProgressSchema)),
  },
  { $id: 'Attempt' },
)

const KINDS = [...FAULTS, ...CHANGES] as const
const Counts = Type.Record(Count)

export const LedgerFolder = Type.Object(
  {
    name: Text,
    directory: Text,
    state: Type.Enum(['there', 'missing', 'unreadable', 'renamed', 'removed']),
    remark: orNull(Text),
    messages: Count,
    proved: Count,
    counts: Counts,
    extra: Count,
    duplicated: Count,
    uid_validity: orNull(Type.Integer()),
  },
  { $id: 'LedgerFolder' },
)

export const Ledger = Type.Object(
  {
    clean: Type.Boolean(),
    code: orNull(Type.Enum(['differs', 'lost', 'shrunk'])),
    sentence: Text,
    taken_at: Time,
    seconds: Type.Number(),
    fetched: Count,
    messages: Count,
    proved: Count,
    extra: Count,
    duplicated: Count,
    faults: Count,
    changes: Count,
    counts: Counts,
    folders: listOf(the(LedgerFolder)),
  },
  { $id: 'Ledger' },
)

export const Difference = Type.Object(
  {
    kind: Type.Enum(KINDS),
    folder: Text,
    uid: orNull(Type.Integer()),
    message_id: Text,
    date: orNull(Time),
    size: Type.Integer(),
    old: Text,
    now: Text,
  },
  { $id: 'Difference' },
)

export const MigrationDetail = Type.Object(
  {
    ...MIGRATION,
    remedy: orNull(Text),
    ...LATEST,
    read_today: Type.Integer({ minimum: 0, description: 'Bytes that were read at the old server today (UTC)' }),
    credential_sealed_at: orNull(Time),
    credential_sealed_to: orNull(listOf(Text)),
    credential_opened_at: orNull(Time),
    credential_opened_by: orNull(Text),
    attempts: listOf(the(Attempt)),
    audit: listOf(the(AuditEntry)),
    ledger: orNull(the(Ledger)),
    differences: Type.Object({
      rows: listOf(the(Difference)),
      next: orNull(Type.Integer({ description: 'What `differences_from` has to be for the next ones' })),
    }),
  },
  { $id: 'MigrationDetail' },
)
