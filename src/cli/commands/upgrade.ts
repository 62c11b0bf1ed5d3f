import type { Command } from 'commander'
import type { CliDeps } from '../deps.ts'
import { examples } from '../terminal/arguments.ts'
import { printDone } from '../terminal/output.ts'

export function addUpgradeCommand(postferry: Command, { openUnready }: CliDeps): void {
  const upgrade = postferry
    .command('upgrade')
    .description('bring the database schema up to this program; a no-op when it is')
    .option('--json', 'print the names of the applied upgrades as one JSON array')
  examples(upgrade, 'postferry upgrade').action(async (options) => {
    await using deps = await openUnready()
    const names = await deps.database.upgrade()
    await printDone(names, names.length === 0 ? 'nothing to do' : `applied ${names.join(', ')}`, options)
  })
}
