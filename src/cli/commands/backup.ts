import { type Command, Option } from 'commander'
import { replaceFileFrom } from '../../files/atomic.ts'
import { count } from '../../model/count.ts'
import type { BackedUp, Belonging, Pieces } from '../../operations/backups.ts'
import type { Settings } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { examples } from '../terminal/arguments.ts'
import { isDatabaseMade } from '../terminal/database-made.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { OutputClosed, OutputError, print, printAll } from '../terminal/output.ts'
import { refuseSpecial } from '../terminal/output-file.ts'
import { CountProgress } from '../terminal/progress.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { json, visible } from '../terminal/text.ts'
import { belongingLines, belongings } from './belongings.ts'

interface Options {
  json?: boolean
  quiet?: boolean
}

const STANDARD_OUTPUT = '-'

export function addBackupCommand(postferry: Command, { settings, engine, openUnready }: CliDeps): void {
  const backup = postferry
    .command('backup')
    .description('write everything in the database into one file, as of one moment, while all goes on')
    .argument('<file>', 'replaced whole, mode 0600: it holds password hashes; - is standard output')
    .option('--quiet', 'print nothing when it is done: for cron')
    .addOption(new Option('--json', 'print one JSON object').conflicts('quiet'))
  examples(
    backup,
    'postferry backup /var/backups/postferry.gz',
    'postferry backup - | age --recipient age1… > postferry.gz.age',
  ).action(async (file: string, options: Options) => {
    const inForce = settings()
    refuseNothing(inForce)
    if (file !== STANDARD_OUTPUT) refuseSpecial(file, '- for standard output')
    const outside = belongings(inForce, engine())
    const stop = stopSignal()
    await using service = await openUnready()
    using progress = new CountProgress('rows')
    const written = await service.backups.write(
      { outside, stop, onRows: (rows, about) => progress.tell(rows, about && Math.min(1, rows / about)) },
      sinkTo(file),
    )
    progress.clear()
    if (options.quiet) return
    const told = options.json ? `${json({ ...inJson(written), outside })}\n` : text(file, written, outside)
    if (file === STANDARD_OUTPUT) process.stderr.write(told)
    else await print(told)
  })
}

/** What commands print of a backup as JSON. */
export function inJson({ madeAt, upgrade, tables }: BackedUp) {
  return { made_at: madeAt, upgrade, tables: tables.map(({ name, rows }) => ({ name, rows })) }
}

export function sizeOf({ tables }: BackedUp): string {
  return `${count(tables.reduce((sum, { rows }) => sum + rows, 0))} rows of ${tables.length} tables`
}

function text(file: string, written: BackedUp, outside: readonly Belonging[]): string {
  const what = file === STANDARD_OUTPUT ? '' : ` in ${file}, mode 0600`
  return [
    `${sizeOf(written)}${visible(what)}: it holds password hashes, and sealed passwords that only the identity opens\n`,
    'Save separately, for no backup has it:\n',
    belongingLines(outside),
  ].join('')
}

/** Before one is made to back it up. */
function refuseNothing(settings: Settings): void {
  if (isDatabaseMade(settings)) return
  throw new Failure(EXIT.unavailable, `there is no database in ${settings.dataDir} yet: is POSTFERRY_DATA_DIR right?`)
}

function sinkTo(file: string): (pieces: Pieces) => Promise<void> {
  if (file === STANDARD_OUTPUT) {
    if (process.stdout.isTTY) throw new Failure(EXIT.usage, 'a backup is not for a terminal: pipe it, or name a file')
    return (pieces) => printAll(pieces).catch(refuseOutput('standard output'))
  }
  return (pieces) => replaceFileFrom(file, pieces).catch(refuseOutput(file))
}

function refuseOutput(where: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.name === 'AbortError') throw new Failure(EXIT.tempfail, `stopped: nothing was left in ${where}`)
    // Who reads has gone: what they have is no backup.
    if (error instanceof OutputClosed) throw new OutputError(`${where} was closed: the backup is not whole`)
    // What is no error of the file system has its own explanation.
    if (error.syscall === undefined) throw error
    throw new Failure(EXIT.cannotCreate, `cannot write ${where} (${error.code}): nothing was left there`)
  }
}
