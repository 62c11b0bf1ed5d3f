import type { Command } from 'commander'
import { isRefused } from '../../model/refused.ts'
import type { BackedUp, Restored } from '../../operations/backups.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { inputOf } from '../terminal/input.ts'
import { print, printDone } from '../terminal/output.ts'
import { CountProgress } from '../terminal/progress.ts'
import { inJson, sizeOf } from './backup.ts'
import { belongingLines, belongings } from './belongings.ts'

interface Options {
  check?: boolean
  reason?: string
  json?: boolean
}

const STANDARD_INPUT = '-'
const BRING = 'Bring what is yours of this before "postferry serve" starts, which makes new ones:\n'

export function addRestoreCommand(postferry: Command, deps: CliDeps): void {
  const restore = postferry
    .command('restore')
    .description(
      'fill an empty database from a backup, and upgrade it: all or nothing; exit code 65 when the backup cannot be used, 73 when the database is not empty',
    )
    .argument('<file>', 'what "postferry backup" has written; - is standard input')
    .option('--check', 'only read the file to its end: is it whole and unaltered?')
    .option('--json', 'print one JSON object')
  examples(
    withReason(restore),
    'postferry restore /var/backups/postferry.gz --check',
    'postferry restore /var/backups/postferry.gz',
    'age --decrypt --identity key postferry.gz.age | postferry restore -',
  ).action(async (file: string, options: Options) => {
    if (options.check) {
      const found = await deps.checkBackup(inputOf(file))
      return await printDone(inJson(found), `whole and unaltered: ${described(found)}`, options)
    }
    const restored = await restoreFrom(file, deps, options)
    const missing = belongings(deps.settings(), deps.engine()).filter(({ here }) => !here)
    const { upgraded } = restored
    const fields = { ...inJson(restored), upgraded, missing }
    await printDone(fields, `restored ${described(restored)}${since(restored)}`, options)
    if (!options.json && missing.length > 0) await print(`${BRING}${belongingLines(missing)}`)
  })
}

async function restoreFrom(file: string, deps: CliDeps, options: Options): Promise<Restored> {
  // What comes through a pipe can be read only once: then the end of the transaction waits for the end of the file.
  if (file !== STANDARD_INPUT) await deps.checkBackup(inputOf(file))
  await using service = await deps.openUnready()
  using progress = new CountProgress('rows')
  try {
    return await service.backups.restore(inputOf(file), by(options), (rows) => progress.tell(rows))
  } catch (error) {
    throw isRefused(error, 'conflict') ? new Failure(EXIT.cannotCreate, error.message) : error
  }
}

function described(backup: BackedUp): string {
  return `${sizeOf(backup)}, as of ${backup.madeAt.toISOString()}`
}

function since({ upgraded }: Restored): string {
  return upgraded.length === 0 ? '' : `, then upgraded: ${upgraded.join(', ')}`
}
