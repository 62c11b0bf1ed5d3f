import { type Command, Option } from 'commander'
import type { Address } from '../../model/address.ts'
import { finish, pause, resume, retry, STATES, type Step } from '../../model/migration.ts'
import type { OldAnswer } from '../../policy/ports.ts'
import type { MigrationFilter } from '../../policy/records.ts'
import { address, domain, examples } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'
import type { House, Outside } from './house.ts'
import { printDone, printList, printRecord } from './output.ts'
import { readPassword } from './password-input.ts'
import { addressOnNew } from './person.ts'
import { noProvider } from './provider.ts'
import { migrationList } from './rows.ts'

const STEPS: readonly { verb: string; step: Step; description: string }[] = [
  { verb: 'pause', step: pause, description: 'copy no mail until it is resumed' },
  { verb: 'resume', step: resume, description: 'go on where it was paused' },
  { verb: 'retry', step: retry, description: 'try a failed migration again' },
  { verb: 'finish', step: finish, description: 'copy no mail any more and erase the credential; there is no way back' },
]

export function addMigrationCommands(mailferry: Command, outside: Outside): void {
  const migration = mailferry.command('migration').description('people whose mail is being moved')
  addList(migration, outside)
  addShow(migration, outside)
  for (const { verb, step, description } of STEPS) addStep(migration, outside, verb, step, description)
  addSetPassword(migration, outside)
}

function addList(migration: Command, { open }: Outside): void {
  const list = migration
    .command('list')
    .description('list the migrations, or those that match')
    .addOption(new Option('--state <state>', 'in this state').choices(STATES))
    .option('--provider <name>', 'from this provider')
    .option('--domain <domain>', 'from this domain of the old server', domain)
    .option('--json', 'print one JSON array')
  examples(
    list,
    'mailferry migration list',
    'mailferry migration list --state failed --provider old',
    "mailferry migration list --json | jq -r '.[].address'",
  ).action(async ({ json, ...filter }: MigrationFilter & { json?: boolean }) => {
    await using house = await open()
    const { provider } = filter
    if (provider !== undefined && (await house.providers.find(provider)) === null) throw noProvider(provider)
    await printList(house.migrations.list(filter), migrationList, { ...(json && { json }) })
  })
}

function addShow(migration: Command, { open }: Outside): void {
  const show = migration
    .command('show')
    .description('show everything about a migration')
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print one JSON object')
  examples(show, 'mailferry migration show anna@new.example').action(async (typed: Address, options) => {
    await using house = await open()
    const name = await addressOnNew(house, typed)
    const migration = await house.migrations.find(name)
    if (migration === null) throw noMigration(name)
    await printRecord(migrationList.row(migration), options)
  })
}

function addStep(migration: Command, { open }: Outside, verb: string, step: Step, description: string): void {
  const command = migration
    .command(verb)
    .description(description)
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the migration as JSON')
  examples(command, `mailferry migration ${verb} anna@new.example`).action(async (typed: Address, options) => {
    await using house = await open()
    const name = await addressOnNew(house, typed)
    const after = await house.migrations.take(name, step)
    if (after === null) throw noMigration(name)
    await printDone(migrationList.row(after), `the migration of ${name} is ${after.state} now`, options)
  })
}

function addSetPassword(migration: Command, { open }: Outside): void {
  const setPassword = migration
    .command('set-password')
    .description(
      'keep another password of the old server, one line on standard input; the old server is asked about it',
    )
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the migration as JSON')
  examples(
    setPassword,
    'mailferry migration set-password anna@new.example',
    'mailferry migration set-password anna@new.example <password-file',
  ).action(async (typed: Address, options) => {
    await using house = await open()
    const name = await addressOnNew(house, typed)
    await requireUnfinished(house, name)
    refuseUnlessYes(await house.renewCredential(name, await readPassword(`${name} on the old server`)))
    const migration = await house.migrations.find(name)
    const sentence = `the old server accepts the password of ${name}; it is kept`
    await printDone(migration && migrationList.row(migration), sentence, options)
  })
}

/** Before anybody types a password for nothing. */
async function requireUnfinished({ migrations }: House, name: string): Promise<void> {
  const migration = await migrations.find(name)
  if (migration === null) throw noMigration(name)
  if (migration.state === 'done') throw new Failure(EXIT.data, `the migration of ${name} is done: it keeps no password`)
}

function refuseUnlessYes(answer: OldAnswer): void {
  switch (answer.kind) {
    case 'yes':
      return
    case 'no':
      throw new Failure(EXIT.permission, 'the old server refuses this password: nothing is changed')
    case 'disabled':
    case 'expired':
      throw new Failure(EXIT.permission, `the old server says that the account is ${answer.kind}: nothing is changed`)
    case 'trouble':
      throw new Failure(
        EXIT.tempfail,
        `the old server could not be asked (${answer.code}): nothing is changed, try again`,
      )
  }
}

function noMigration(name: string): Failure {
  return new Failure(EXIT.data, `${name} has no migration`)
}
