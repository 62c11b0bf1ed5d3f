import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import type { House } from '../../operations/house.ts'
import { migrationOnNew } from '../../operations/person.ts'
import { whyNotRenewed } from '../../operations/renew-credential.ts'
import type { SourceAnswer } from '../../source/ports.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { address, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone } from '../terminal/output.ts'
import { readPassword } from '../terminal/password-input.ts'
import { migrationList } from '../terminal/rows.ts'

export function addSetPassword(migration: Command, { open }: CliDeps): void {
  const setPassword = migration
    .command('set-password')
    .description(
      'keep another password of the old server, one line on standard input; the old server is asked about it',
    )
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the migration as JSON')
  examples(
    withReason(setPassword),
    'postferry migration set-password anna@new.example',
    'postferry migration set-password anna@new.example <password-file',
  ).action(async (typed: Address, options) => {
    await using house = await open()
    const name = await migrationOnNew(house, typed)
    await requireUnfinished(house, name)
    refuseUnlessYes(await house.renewCredential(name, await readPassword(`${name} on the old server`), by(options)))
    const migration = await house.migrations.find(name)
    const sentence = `the old server accepts the password of ${name}; it is kept`
    await printDone(migration && migrationList.row(migration), sentence, options)
  })
}

/** Before anybody types a password for nothing. */
async function requireUnfinished({ migrations }: House, name: string): Promise<void> {
  if ((await migrations.find(name))?.state !== 'done') return
  throw new Failure(EXIT.data, `the migration of ${name} is done: it keeps no password`)
}

function refuseUnlessYes(answer: SourceAnswer): void {
  if (answer.kind === 'yes') return
  throw new Failure(answer.kind === 'trouble' ? EXIT.tempfail : EXIT.permission, whyNotRenewed(answer))
}
