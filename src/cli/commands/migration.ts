import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import type { State } from '../../model/migration.ts'
import { BULK_TRANSITIONS } from '../../operations/bulk.ts'
import { migrationOnNew, noMigration } from '../../operations/person.ts'
import type { MigrationFilter } from '../../operations/ports.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { address, examples } from '../terminal/arguments.ts'
import { printDone, printList } from '../terminal/output.ts'
import { migrationList } from '../terminal/rows.ts'
import { type BulkOptions, carryOutBulk, oneOrAll, withBulk } from './migration-bulk.ts'
import { filterOf, requireProvider, withFilter } from './migration-filter.ts'
import { addFinish } from './migration-finish.ts'
import { addSetPassword } from './migration-password.ts'
import { addShow } from './migration-show.ts'

interface StepCommand {
  readonly verb: Exclude<keyof typeof BULK_TRANSITIONS, 'finish'>
  readonly description: string
  done(state: State): string
}

const is = (state: State) => `is ${state} now`
const STEPS: readonly StepCommand[] = [
  { verb: 'pause', description: 'copy no mail until it is resumed', done: is },
  { verb: 'resume', description: 'go on where it was paused', done: is },
  {
    verb: 'retry',
    description: 'copy now, also after a failure or before the next copy is due',
    done: (state) => `is ${state}, and due now`,
  },
]

export function addMigrationCommands(postferry: Command, deps: CliDeps): void {
  const migration = postferry.command('migration').description('people whose mail is being moved')
  addList(migration, deps)
  addShow(migration, deps)
  for (const step of STEPS) addStep(migration, deps, step)
  addFinish(migration, deps)
  addSetPassword(migration, deps)
}

function addList(migration: Command, { open }: CliDeps): void {
  const list = withFilter(migration.command('list').description('list the migrations, or those that match'))
  examples(
    list.option('--json', 'print one JSON array'),
    'postferry migration list',
    'postferry migration list --state failed --provider old',
    'postferry migration list --code credential-refused',
    'postferry migration list --search anna',
    "postferry migration list --json | jq -r '.[].address'",
  ).action(async (options: MigrationFilter & { json?: boolean }) => {
    await using house = await open()
    await requireProvider(options, house)
    await printList(house.migrations.list(filterOf(options)), migrationList, options)
  })
}

function addStep(migration: Command, { open }: CliDeps, { verb, description, done }: StepCommand): void {
  const command = withBulk(
    migration.command(verb).description(description).argument('[address]', 'the new or the old address', address),
  ).option('--json', 'print the migration, or with --all the counts, as JSON')
  examples(
    withReason(command),
    `postferry migration ${verb} anna@new.example`,
    `postferry migration ${verb} --all --provider old --dry-run`,
  ).action(async (typed: Address | undefined, options: BulkOptions) => {
    const one = oneOrAll(typed, options)
    await using house = await open()
    if (one === null) return await carryOutBulk(verb, options, house)
    const name = await migrationOnNew(house, one)
    const after = await house.migrations.take(name, BULK_TRANSITIONS[verb], {
      ...by(options),
      action: `migration.${verb}`,
    })
    if (after === null) throw noMigration(name)
    await printDone(migrationList.row(after), `the migration of ${name} ${done(after.state)}`, options)
  })
}
