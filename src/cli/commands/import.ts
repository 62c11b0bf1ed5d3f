import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { IMPORT, importing } from '../../operations/import.ts'
import type { BadLine, ImportOutcome } from '../../operations/import-people.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { CALLER, commandOf, saidIn } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'
import { CountProgress } from '../terminal/progress.ts'
import { json, line } from '../terminal/text.ts'

export function addImportCommand(postferry: Command, { open }: CliDeps): void {
  const shape = {
    examples: [
      'postferry import people.csv --dry-run',
      'postferry import people.csv',
      'gpg --decrypt people.csv.gpg | postferry import -',
    ],
  }
  const columns = 'columns: address, old_username, old_password, quota; all but the first are optional'
  commandOf(postferry, 'import', IMPORT, shape)
    .argument('<file>', `${columns}; - is standard input`)
    .option('--json', 'print the bad lines and the counts as one JSON object')
    .action(
      async (file: string, options: { json?: boolean; skipBad?: boolean; dryRun?: boolean }, command: Command) => {
        await using deps = await open()
        const report = new Report(options.json ?? false)
        using progress = new CountProgress('lines read')
        const operation = importing(inputOf(file), {
          onBad(bad) {
            progress.clear()
            return report.bad(bad)
          },
          onProgress: (lines) => progress.tell(lines),
        })
        const outcome = await deps.perform(operation, saidIn(operation, shape, command, []), CALLER())
        progress.clear()
        await report.end(outcome)
        if (outcome.bad === 0 || options.skipBad) return
        const advice = options.dryRun ? '' : ': nothing is imported (--skip-bad imports the others)'
        throw new Failure(EXIT.data, `${outcome.bad} of ${outcome.lines} lines cannot be imported${advice}`)
      },
    )
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
