import type { By, Change } from '../model/audit.ts'
import { countOf } from '../model/count.ts'
import { Type } from '../model/json-schema.ts'
import {
  leaveFilters,
  type Migration,
  pause,
  requestFinish,
  requestFlip,
  requestReturn,
  resume,
  retry,
  STATES,
  stopFlip,
  stopReturn,
  type Transition,
} from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import {
  type BulkOutcome,
  type Found,
  type Judge,
  judged,
  outcomeOf,
  type Sorted,
  sorted,
  sumOf,
} from './bulk-outcome.ts'
import { isDatabaseAway } from './database-errors.ts'
import { address } from './fields.ts'
import { FILTER, filterIn, MIGRATION } from './migrations.ts'
import { flag, type InputOf, many, oneOf, operation, optional, text } from './operation.ts'
import { migration, renamedAll } from './person.ts'
import type { Domains, MigrationFilter, Migrations } from './ports.ts'
import { Count, listOf, Text } from './schema.ts'

/** The transitions that an administrator makes, and what the audit calls them. */
export const TRANSITIONS = {
  pause: { transition: pause, action: 'migration.pause' },
  resume: { transition: resume, action: 'migration.resume' },
  retry: { transition: retry, action: 'migration.retry' },
  flip: { transition: requestFlip, action: 'migration.request-flip' },
  'stop-flip': { transition: stopFlip, action: 'migration.stop-flip' },
  finish: { transition: requestFinish, action: 'migration.request-finish' },
} as const satisfies Record<string, { readonly transition: Transition; readonly action: string }>
export type Word = keyof typeof TRANSITIONS
const WORDS = Object.keys(TRANSITIONS) as Word[]

interface Deps {
  readonly migrations: Pick<Migrations, 'take'>
}

export const pauseMigration = changing('pause', 'Copy no mail until the migration is resumed')
export const resumeMigration = changing('resume', 'Copy on after a pause, or instead of a requested finish')
export const retryMigration = changing('retry', 'Make the next attempt now, also after a failure')
export const flipMigration = changing('flip', 'Bring a proxied person to the new server as soon as the mirror is ready')
export const stopMigrationFlip = changing(
  'stop-flip',
  'Take the request of a flip back, and of a finish, which would flip first, unless the flip has begun',
)

export const leaveMigrationFilters = operation({
  ...{ name: 'migration.leave-filters', permission: 'operate' },
  summary: 'Let a proxied person come without the filters (Sieve scripts) that cannot come along',
  fields: { address: migration },
  answer: MIGRATION,
  async run({ address: { address } }, { migrations }: Deps, by) {
    const after = await migrations.take(address, leaveFilters, { ...by, action: 'migration.leave-filters' })
    if (after === null) throw new Refused('not-found', `there is no migration of ${address} any more`)
    return after
  },
})

export const returnMigration = operation({
  ...{ name: 'migration.return', permission: 'operate' },
  summary: 'Lead a flipped person back to the old server, which is made what the new one is',
  fields: {
    address: migration,
    write_to_source: flag(
      'the old server is written to: messages, marks and folders come and go there as they did here',
    ),
  },
  answer: MIGRATION,
  async run({ address: { address }, write_to_source: isMeant = false }, { migrations }: Deps, by) {
    if (!isMeant)
      throw new Refused('invalid', 'the old server would be written to', {
        write_to_source: 'Say so: everything else only reads the old server.',
      })
    const after = await migrations.take(address, requestReturn, { ...by, action: 'migration.request-return' })
    if (after === null) throw new Refused('not-found', `there is no migration of ${address} any more`)
    return after
  },
})

export const stopMigrationReturn = operation({
  ...{ name: 'migration.stop-return', permission: 'operate' },
  summary: 'Take the request of a return back, unless the person is held for it already',
  fields: { address: migration },
  answer: MIGRATION,
  async run({ address: { address } }, { migrations }: Deps, by) {
    const after = await migrations.take(address, stopReturn, { ...by, action: 'migration.stop-return' })
    if (after === null) throw new Refused('not-found', `there is no migration of ${address} any more`)
    return after
  },
})

function changing(word: Word, summary: string) {
  return operation({
    ...{ name: `migration.${word}`, permission: 'operate', summary, fields: { address: migration } },
    answer: MIGRATION,
    run: async ({ address: migration }, deps: Deps, by) => await take(migration, word, deps, by),
  })
}

/** Makes a transition of one migration. @throws Refused */
export async function take({ address }: Migration, word: Word, { migrations }: Deps, by: By): Promise<Migration> {
  const { transition, action } = TRANSITIONS[word]
  const after = await migrations.take(address, transition, { ...by, action })
  if (after === null) throw new Refused('not-found', `there is no migration of ${address} any more`)
  return after
}

/** Whom a bulk action is about. */
export type Selection = { readonly filter: MigrationFilter } | { readonly addresses: readonly string[] }

/** Migrations of a selection, by status: a transition depends on that alone. */
export interface Transitions {
  count(selection: Selection): Promise<readonly Found[]>
  /**
   * Moves a selection, a few at a time, in the order of their numbers: each few are one transaction with what the audit says
   * of them, and each migration is judged by the status that it has then. Tells after each transaction what it has found.
   */
  move(selection: Selection, judge: Judge, change: Change): AsyncIterable<readonly Found[]>
}

const MOST_ADDRESSES = 1_000
const StateName = Type.Enum(STATES)

/** Several of them: everybody is meant by `all` alone, and never by saying nothing. */
export const changeMigrations = operation({
  ...{ name: 'migration.bulk', permission: 'operate' },
  summary: 'Pause, resume, retry, flip or finish many migrations; those that cannot are told and left as they are',
  fields: {
    action: oneOf(WORDS, 'what to do'),
    all: flag('all migrations, or all that match'),
    ...FILTER,
    addresses: optional(many(text(address, 'of these people, by the new or the old addresses'))),
    dry_run: flag('only tell what would change'),
  },
  answer: {
    schema: Type.Object({
      dry_run: Type.Boolean(),
      changed: listOf(Type.Object({ from: StateName, to: StateName, count: Count })),
      refused: listOf(Type.Object({ reason: Text, count: Count })),
    }),
    row: ({ isDryRun, changed, refused }: BulkOutcome) => ({ dry_run: isDryRun, changed, refused }),
  },
  async run({ action: word, dry_run: isDryRun = false, ...who }, deps: BulkDeps, by): Promise<BulkOutcome> {
    const selection = await selectionIn(who, deps)
    if (!isDryRun) return { isDryRun, ...(await changeSelected(word, selection, deps, by)) }
    return { isDryRun, ...outcomeOf(sorted(await deps.transitions.count(selection), TRANSITIONS[word].transition)) }
  },
})

/** Makes a transition of all in a selection that have it. @throws Refused when it ends before all are changed */
export async function changeSelected(
  word: Word,
  selection: Selection,
  deps: Pick<BulkDeps, 'transitions'>,
  by: By,
): Promise<Omit<BulkOutcome, 'isDryRun'>> {
  return outcomeOf(await moveSelected(word, selection, deps, by))
}

/** As `changeSelected` does. @returns what was moved, and what was not */
export async function moveSelected(
  word: Word,
  selection: Selection,
  { transitions }: Pick<BulkDeps, 'transitions'>,
  by: By,
): Promise<Sorted> {
  const { transition, action } = TRANSITIONS[word]
  const judge: Judge = (from) => {
    const to = judged(from, transition)
    return to instanceof Refused ? null : to
  }
  const found: Found[] = []
  try {
    for await (const some of transitions.move(selection, judge, { ...by, action })) found.push(...some)
  } catch (error) {
    const changed = sumOf(sorted(found, transition).moves)
    throw changed > 0 && isDatabaseAway(error) ? new Refused('unavailable', unfinished(changed)) : error
  }
  return sorted(found, transition)
}

function unfinished(changed: number): string {
  return `${countOf(changed, 'migration is', 'migrations are')} changed, and then the database was away: the same again changes the rest`
}

interface BulkDeps {
  readonly transitions: Transitions
  readonly domains: Pick<Domains, 'list'>
}

type Who = Omit<InputOf<(typeof changeMigrations)['fields']>, 'action' | 'dry_run'>

/** @throws Refused */
async function selectionIn({ all = false, addresses, ...said }: Who, deps: BulkDeps): Promise<Selection> {
  const filter = filterIn(said)
  const isFiltered = Object.values(filter).some((value) => value !== undefined)
  if (addresses === undefined ? !all : all || isFiltered) {
    throw new Refused('invalid', 'it is not clear who is meant', {
      addresses: 'Say who: these addresses, or all who match a filter; not both.',
    })
  }
  if (addresses === undefined) return { filter }
  if (addresses.length > MOST_ADDRESSES) {
    throw new Refused('invalid', 'too many addresses', { addresses: `At most ${MOST_ADDRESSES} at once.` })
  }
  return { addresses: await renamedAll(addresses, deps) }
}
