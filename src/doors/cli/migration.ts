import { type Command, Option } from 'commander'
import type { Address } from '../../model/address.ts'
import { pause, resume, retry, STATES, type Step } from '../../model/migration.ts'
import type { MigrationFilter } from '../../policy/records.ts'
import { migrationOnNew, noMigration } from '../person.ts'
import { by, withReason } from './actor.ts'
import { address, code, domain, examples, search } from './arguments.ts'
import { addFinish } from './migration-finish.ts'
import { addSetPassword } from './migration-password.ts'
import { addShow } from './migration-show.ts'
import { noProvider } from './named-provider.ts'
import { printDone, printList } from './output.ts'
import type { Outside } from './outside.ts'
import { migrationList } from './rows.ts'

const STEPS: readonly { verb: string; step: Step; description: string }[] = [
  { verb: 'pause', step: pause, description: 'copy no mail until it is resumed' },
  { verb: 'resume', step: resume, description: 'go on where it was paused' },
  { verb: 'retry', step: retry, description: 'try again now, after a failure or before its turn' },
]

export function addMigrationCommands(mailferry: Command, outside: Outside): void {
  const migration = mailferry.command('migration').description('people whose mail is being moved')
  addList(migration, outside)
  addShow(migration, outside)
  for (const { verb, step, description } of STEPS) addStep(migration, outside, verb, step, description)
  addFinish(migration, outside)
  addSetPassword(migration, outside)
}

function addList(migration: Command, { open }: Outside): void {
  const list = migration
    .command('list')
    .description('list the migrations, or those that match')
    .addOption(new Option('--state <state>', 'in this state').choices(STATES))
    .option('--provider <name>', 'from this provider')
    .option('--domain <domain>', 'from this domain of the old server', domain)
    .option('--code <code>', 'failed or not proved, with this code', code)
    .option('--search <text>', 'with this in the address or the old user name', search)
    .option('--json', 'print one JSON array')
  examples(
    list,
    'mailferry migration list',
    'mailferry migration list --state failed --provider old',
    'mailferry migration list --code credential-refused',
    'mailferry migration list --search anna',
    "mailferry migration list --json | jq -r '.[].address'",
  ).action(async ({ json, ...filter }: MigrationFilter & { json?: boolean }) => {
    await using house = await open()
    const { provider } = filter
    if (provider !== undefined && (await house.providers.find(provider)) === null) throw noProvider(provider)
    await printList(house.migrations.list(filter), migrationList, { ...(json && { json }) })
  })
}

function addStep(migration: Command, { open }: Outside, verb: string, step: Step, description: string): void {
  const command = migration
    .command(verb)
    .description(description)
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the migration as JSON')
  examples(withReason(command), `mailferry migration ${verb} anna@new.example`).action(
    async (typed: Address, options) => {
      await using house = await open()
      const name = await migrationOnNew(house, typed)
      const after = await house.migrations.take(name, step, { ...by(options), action: `migration.${verb}` })
      if (after === null) throw noMigration(name)
      await printDone(migrationList.row(after), `the migration of ${name} is ${after.state} now`, options)
    },
  )
}
