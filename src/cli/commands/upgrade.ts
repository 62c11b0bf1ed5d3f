import { setTimeout as pause } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { Deps } from '../../operations/deps.ts'
import type { CliDeps } from '../deps.ts'
import { examples } from '../terminal/arguments.ts'
import { printDone } from '../terminal/output.ts'

const POLL_MS = 50
const WAIT_LIMIT_SECONDS = 3_600

export function addUpgradeCommand(postferry: Command, { openUnready }: CliDeps): void {
  const upgrade = postferry
    .command('upgrade')
    .description('bring the database schema up to this program; a no-op when it is')
    .option('--wait <seconds>', 'so long for a database that does not answer yet (default: not at all)', seconds)
    .option('--json', 'print the names of the applied upgrades as one JSON array')
  examples(upgrade, 'postferry upgrade').action(async ({ wait = 0, ...options }) => {
    await using deps = await openUnready()
    await untilReached(deps, Date.now() + wait * 1_000)
    const names = await deps.database.upgrade()
    await printDone(names, names.length === 0 ? 'nothing to do' : `applied ${names.join(', ')}`, options)
  })
}

/** @throws what the last try did */
async function untilReached({ database }: Pick<Deps, 'database'>, deadline: number): Promise<void> {
  while (true) {
    try {
      return await database.reach()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await pause(POLL_MS)
    }
  }
}

function seconds(text: string): number {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (number <= WAIT_LIMIT_SECONDS) return number
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${WAIT_LIMIT_SECONDS}.`)
}
