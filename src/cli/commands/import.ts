import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { count } from '../../model/count.ts'
import { type AliasesOutcome, importingAliases, peeked } from '../../operations/alias-import.ts'
import type { Deps } from '../../operations/deps.ts'
import { IMPORT, importing } from '../../operations/import.ts'
import type { BadLine, ImportOutcome } from '../../operations/import-people.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { inputOf } from '../terminal/input.ts'
import { CALLER, commandOf, saidIn } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'
import { CountProgress } from '../terminal/progress.ts'
import { json, line } from '../terminal/text.ts'

interface Options {
  readonly json?: boolean
  readonly skipBad?: boolean
  readonly dryRun?: boolean
  readonly verify?: boolean
}

const SHAPE = {
  examples: [
    'postferry import people.csv --dry-run',
    'postferry import people.csv',
    'gpg --decrypt people.csv.gpg | postferry import -',
  ],
  note: `A file with the header alias,target holds aliases instead, one target a line: postferry alias --help. They are imported
all or, when a line is bad, none.`,
}

export function addImportCommand(postferry: Command, { open }: CliDeps): void {
  const columns = 'columns: address, old_username, old_password, quota; all but the first are optional'
  commandOf(postferry, 'import', IMPORT, SHAPE)
    .argument('<file>', `${columns}; - is standard input`)
    .option('--json', 'print the bad lines and the counts as one JSON object')
    .action(async (name: string, options: Options, command: Command) => {
      await using deps = await open()
      const input = measured(inputOf(name), sizeOf(name))
      const { file, isOfAliases } = await peeked(input.pieces)
      await (isOfAliases ? importAliases : importPeople)(deps, { pieces: file, share: input.share }, options, command)
    })
}

/** A file, and how much of it is read; undefined: nobody knows. */
interface Input {
  readonly pieces: AsyncIterable<Uint8Array>
  readonly share: () => number | undefined
}

/** @param size null: it is no file */
function measured(pieces: AsyncIterable<Uint8Array>, size: number | null): Input {
  let read = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      read += piece.length
      yield piece
    }
  }
  return { pieces: counted(), share: () => (size === null ? undefined : Math.min(1, read / size)) }
}

function sizeOf(name: string): number | null {
  const stat = name === '-' ? undefined : statSync(name, { throwIfNoEntry: false })
  return stat?.isFile() && stat.size > 0 ? stat.size : null
}

type Run = (deps: Deps, file: Input, options: Options, command: Command) => Promise<void>

const importPeople: Run = async (deps, file, options, command) => {
  const report = new Report(options.json ?? false)
  using progress = new CountProgress('lines read')
  const operation = importing(file.pieces, {
    onBad(bad) {
      progress.clear()
      return report.bad(bad)
    },
    onProgress: (lines) => progress.tell(lines, file.share()),
  })
  const outcome = await deps.perform(operation, saidIn(operation, SHAPE, command, []), CALLER())
  progress.clear()
  await report.end(outcome, sentence(outcome))
  if (outcome.bad === 0 || options.skipBad) return
  const advice = options.dryRun ? '' : ': nothing is imported (--skip-bad imports the others)'
  throw new Failure(EXIT.data, `${count(outcome.bad)} of ${count(outcome.lines)} lines cannot be imported${advice}`)
}

const importAliases: Run = async (deps, file, options, command) => {
  if (options.skipBad || options.verify) {
    throw new Failure(EXIT.usage, '--skip-bad and --verify are for people, and this file holds aliases')
  }
  const operation = importingAliases(file.pieces)
  const outcome = await deps.perform(operation, saidIn(operation, SHAPE, command, []), CALLER())
  const report = new Report(options.json ?? false)
  for (const bad of outcome.badLines) await report.bad(bad)
  await report.end(operation.answer.row(outcome) as object, aliasesSentence(outcome))
  if (outcome.badLines.length === 0) return
  const advice = options.dryRun ? '' : ': no alias is imported'
  throw new Failure(EXIT.data, `${outcome.badLines.length} of ${outcome.lines} lines cannot be imported${advice}`)
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

  async end(outcome: object, sentence: string): Promise<void> {
    if (!this.#json) return await print(sentence)
    const start = this.#before === ',\n' ? '' : this.#before
    await print(`${start}],${json(outcome).slice(1)}\n`)
  }
}

function sentence({ lines, bad, awaited, pending, kept, written }: ImportOutcome): string {
  const people = `${count(awaited + pending)} of ${count(lines)} people: ${count(awaited)} awaited, ${count(pending)} with their password`
  const others = `; ${count(kept)} were there already, ${count(bad)} lines are bad`
  return `${written ? 'imported' : 'would import'} ${people}${others}\n`
}

function aliasesSentence({ lines, badLines, added, kept, unknown, written }: AliasesOutcome): string {
  const others = `; ${kept} were there already, ${badLines.length} lines are bad`
  const warning = unknown.length === 0 ? '' : `nothing is known here of ${unknown.map(line).join(', ')}\n`
  return `${written ? 'imported' : 'would import'} ${count(added)} of ${count(lines)} aliases${others}\n${warning}`
}
