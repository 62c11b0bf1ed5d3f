import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import type { BadLine, ImportOutcome } from '../../operations/import.ts'
import { readPeople } from '../../operations/import-file.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print } from '../terminal/output.ts'
import { Progress } from '../terminal/progress.ts'
import { json, line } from '../terminal/text.ts'

interface Options {
  readonly dryRun?: boolean
  readonly skipBad?: boolean
  readonly verify?: boolean
  readonly reason?: string
  readonly json?: boolean
}

export function addImportCommand(postferry: Command, { open }: CliDeps): void {
  const command = postferry
    .command('import')
    .description(
      'expect the people of a CSV file: address, old_username, old_password, quota (all but the first optional); - is standard input',
    )
    .argument('<file>')
    .option('--dry-run', 'look at every line, and write nothing')
    .option('--skip-bad', 'import the good lines although there are bad ones (usual: nothing then)')
    .option('--verify', 'ask the old server about every password; a line whose password it refuses is bad')
    .option('--json', 'print the bad lines and the numbers as one JSON object')
  examples(
    withReason(command),
    'postferry import people.csv --dry-run',
    'postferry import people.csv',
    'gpg --decrypt people.csv.gpg | postferry import -',
  ).action(async (file: string, options: Options) => {
    await using house = await open()
    const report = new Report(options.json ?? false)
    using progress = new Progress('lines read')
    const outcome = await house.importPeople(readPeople(inputOf(file)), {
      ...{ dryRun: options.dryRun ?? false, skipBad: options.skipBad ?? false, verify: options.verify ?? false },
      by: by(options),
      onBad(bad) {
        progress.clear()
        return report.bad(bad)
      },
      onProgress: (lines) => progress.tell(lines),
    })
    progress.clear()
    await report.end(outcome)
    if (outcome.bad === 0 || options.skipBad) return
    const advice = options.dryRun ? '' : ': nothing is imported (--skip-bad imports the others)'
    throw new Failure(EXIT.data, `${outcome.bad} of ${outcome.lines} lines cannot be imported${advice}`)
  })
}

async function* inputOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file)
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    throw syscall === undefined ? error : new Failure(EXIT.data, `cannot read ${file} (${code})`)
  }
}

/** The bad lines as they are found, then the numbers: as sentences, or as one JSON object. */
class Report {
  readonly #json: boolean
  #before = '{"bad_lines":['

  constructor(json: boolean) {
    this.#json = json
  }

  async bad(bad: BadLine): Promise<void> {
    await print(this.#json ? `${this.#before}${json(bad)}` : `line ${bad.number}: ${line(bad.reason)}\n`)
    this.#before = ',\n'
  }

  async end(outcome: ImportOutcome): Promise<void> {
    if (!this.#json) return await print(sentence(outcome))
    const start = this.#before === ',\n' ? '' : this.#before
    await print(`${start}],${json(outcome).slice(1)}\n`)
  }
}

function sentence({ lines, bad, awaited, pending, kept, written }: ImportOutcome): string {
  const people = `${awaited + pending} of ${lines} people: ${awaited} awaited, ${pending} with their password`
  const others = `; ${kept} were there already, ${bad} lines are bad`
  return `${written ? 'imported' : 'would import'} ${people}${others}\n`
}
