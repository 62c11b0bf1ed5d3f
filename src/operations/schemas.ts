import { type JsonSchema, Type } from '../model/json-schema.ts'
import { PROVIDER_ROWS, type ProviderField } from '../model/provider-fields.ts'
import { ERASABLE } from '../model/retention.ts'
import { Count, listOf, orNull, PEOPLE, Text, Time, the } from './schema.ts'

// What the answers of the API consist of: the rows, by name.

export const Provider = Type.Object(
  {
    name: Text,
    ...Object.fromEntries(PROVIDER_ROWS.map(([, row]) => [row.name, answerOf(row)])),
    refusal: orNull(Text),
    tested_at: orNull(Time),
    test_failed: orNull(Text),
    copies_with: Type.Optional(
      listOf({ ...Text, description: 'Of one that is shown, with engine auto: what each copying host takes, and why' }),
    ),
  },
  { $id: 'Provider' },
)

export const AddedProvider = Type.Object(
  {
    ...Provider.properties,
    cutover_why: Type.Optional({ ...Text, description: 'When nobody said how its people move' }),
  },
  { $id: 'AddedProvider' },
)

function answerOf({ schema, about, isMany, default: defaultOf }: ProviderField<unknown>): JsonSchema {
  const described = { ...schema, description: about }
  if (isMany) return listOf(described)
  return defaultOf?.('implicit') === null ? orNull(described) : described
}

export const Step = Type.Object(
  {
    step: Type.Enum([
      'resolve',
      'connect',
      'tls',
      'greeting',
      'capabilities',
      'connections',
      'refusal',
      'sender',
      'stranger',
    ]),
    ok: Type.Boolean(),
    found: Text,
    milliseconds: Count,
    remedy: Type.Optional(Text),
    learned: Type.Optional(Text),
    days_left: Type.Optional(Type.Integer()),
  },
  { $id: 'Step' },
)

export const LoginTest = Type.Object(
  {
    answer: Type.Enum(['yes', 'no', 'disabled', 'expired', 'trouble']),
    code: orNull(Text),
    said: Text,
    remedy: orNull(Text),
  },
  { $id: 'LoginTest' },
)

export const Health = Type.Object(
  {
    provider: Text,
    reachable: Type.Boolean(),
    failed_step: orNull(Text),
    latency_ms: orNull(Count),
    days_left: orNull(Type.Integer()),
    checked_at: Time,
    breaker: orNull(Text),
    connections_in_use: orNull(Count),
    waiting: orNull(Count),
  },
  { $id: 'Health' },
)

export const Domain = Type.Object(
  { domain: Text, new_domain: Text, provider: Text, closed: Type.Boolean() },
  { $id: 'Domain' },
)

export const Account = Type.Object(
  { address: Text, enabled: Type.Boolean(), home: Text, quota_bytes: orNull(Type.Integer()) },
  { $id: 'Account' },
)

export const Alias = Type.Object({ address: Text, targets: listOf(Text) }, { $id: 'Alias' })

export const TakenAtSource = Type.Object(
  { address: Text, messages: Count, first_at: Time, last_at: Time },
  { $id: 'TakenAtSource' },
)

export const AuditEntry = Type.Object(
  { at: Time, actor: Text, action: Text, subject: Text, reason: orNull(Text), detail: orNull(Text) },
  { $id: 'AuditEntry' },
)

const COUNTS = Object.fromEntries([...PEOPLE, 'never_came', 'unflipped'].map((name) => [name, Count]))
export const PeopleCount = Type.Object({ provider: Text, domain: Text, ...COUNTS }, { $id: 'PeopleCount' })

export const Report = Type.Object(
  {
    people: listOf(the(PeopleCount)),
    total: the(PeopleCount),
    failures: listOf(Type.Object({ code: Text, people: Count })),
    collisions: listOf(
      Type.Object({
        ...{ address: Text, provider: Text, old_domain: Text, old_username: Text },
        ...{ what: Type.Enum(['address', 'mailbox', 'home']), whose: Text, at: Time },
      }),
    ),
    stranded: listOf(Type.Object({ host: Text, folder: Text, people: Count })),
    burn_down: listOf(
      Type.Object({
        day: Type.String({ format: 'date' }),
        remaining: Count,
        ...{ awaited: Count, pending: Count, synced: Count, paused: Count, failed: Count, done: Count },
      }),
    ),
    remaining: Count,
    erased: listOf(
      Type.Object({
        what: Type.Enum(ERASABLE),
        days: orNull(Type.Integer({ description: 'So long it is kept; null: for ever' })),
        looked_at: Time,
        erased: Type.Integer({ minimum: 0, description: 'Rows, all in all' }),
      }),
    ),
    expiring: Type.Object(
      { people: Count, at: orNull(Time), addresses: listOf(Text) },
      { description: 'Credentials of people who never finish, erased within thirty days' },
    ),
  },
  { $id: 'Report' },
)
