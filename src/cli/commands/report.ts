import { type Command, Option } from 'commander'
import { makeBoard } from '../../operations/board.ts'
import { COLLISION_REMEDIES, type Collision, collisionText } from '../../operations/collisions.ts'
import type { Deps } from '../../operations/deps.ts'
import { listMigrations } from '../../operations/migrations.ts'
import { nextStep } from '../../operations/next-steps.ts'
import { listOnlyAtSource } from '../../operations/only-at-source.ts'
import type { Said } from '../../operations/operation.ts'
import { erasedRow, makeReport, outlook, peopleRow, type Report, total, warning } from '../../operations/report.ts'
import { PEOPLE } from '../../operations/schema.ts'
import type { CliDeps } from '../deps.ts'
import { boardHead } from '../terminal/board-text.ts'
import { CALLER, commandOf, listed, saidIn } from '../terminal/operation-command.ts'
import { print, printCsv, printList, printRecord } from '../terminal/output.ts'
import { MIGRATION_COLUMNS } from './migration.ts'
import { printBoard, watchBoard } from './report-watch.ts'

interface Options {
  readonly awaited?: boolean
  readonly onlyAtSource?: boolean
  readonly now?: boolean
  readonly watch?: boolean
  readonly json?: boolean
  readonly csv?: boolean
}

const DAYS_SHOWN = 14
/** Lists and filters, which the board does not have. */
const INSTEAD = ['awaited', 'onlyAtSource', 'csv', 'provider', 'domain']
const PEOPLE_TABLE = { row: peopleRow, columns: ['provider', 'domain', ...PEOPLE, 'never_came', 'unflipped'] }

export function addReportCommand(postferry: Command, { open }: CliDeps): void {
  const shape = {
    examples: [
      'postferry report',
      'postferry report --watch',
      'postferry report --json',
      'postferry report --awaited --domain old.example --csv',
      'postferry report --only-at-source',
    ],
  }
  const command = commandOf(postferry, 'report', makeReport, shape)
  const csv = new Option('--csv', 'print the people by provider and domain, or the list that is asked for, as CSV')
  const onlyAtSource = new Option(
    '--only-at-source',
    'list the recipients that only the old server took mail for, instead',
  )
  const now = new Option(
    '--now',
    'tell how it goes at this moment, instead: what needs you, and how the old servers are',
  )
  const watch = new Option('--watch', 'the same again and again, until it is stopped')
  command
    .option('--awaited', 'list who has not signed in yet, instead')
    .addOption(onlyAtSource.conflicts('awaited'))
    .addOption(now.conflicts(INSTEAD))
    .addOption(watch.conflicts(['now', ...INSTEAD]))
    .option('--json', 'print one JSON object; of a list one JSON array')
    .addOption(csv.conflicts('json'))
    .action(async (...given: unknown[]) => {
      const said = saidIn(makeReport, shape, command, given)
      const options = command.opts<Options>()
      await using deps = await open()
      if (options.watch) return await watchBoard(deps, options)
      if (options.now) return await printBoard(deps, options)
      const list = listIn(deps, said, options)
      if (list === null) return await printReport(deps, said, options)
      const rows = { row: (row: Record<string, unknown>) => row, columns: list.columns }
      await (options.csv ? printCsv(list.rows, rows) : printList(list.rows, rows, options))
    })
}

/** What is listed in place of the report; null: nothing. */
function listIn(deps: Deps, said: Said, { awaited, onlyAtSource }: Options) {
  if (awaited) {
    return { rows: listed(deps, listMigrations, { ...said, never_came: 'true' }), columns: MIGRATION_COLUMNS }
  }
  if (!onlyAtSource) return null
  return { rows: listed(deps, listOnlyAtSource, said), columns: ['address', 'messages', 'first_at', 'last_at'] }
}

async function printReport(deps: Deps, said: Said, { json, csv }: Options): Promise<void> {
  const report = await deps.perform(makeReport, said, CALLER())
  if (csv) await printCsv(report.people, PEOPLE_TABLE)
  else if (json) await printRecord(makeReport.answer.row(report) as Record<string, unknown>, { json })
  else {
    await printTables(report)
    // It is about everybody.
    const isAll = said.provider === undefined && said.domain === undefined
    if (isAll && report.people.length > 0)
      await print(`${boardHead(await deps.perform(makeBoard, {}, CALLER())).join('\n')}\n`)
  }
}

async function printTables(report: Report): Promise<void> {
  const { people, failures, collisions, burnDown } = report
  await printList(people.length > 1 ? [...people, total(people)] : people, PEOPLE_TABLE, {})
  if (failures.length > 0) {
    await print('\n')
    const row = ({ code, people }: Report['failures'][number]) => ({ code, people, what_to_do: nextStep(code) })
    await printList(failures, { row, columns: ['code', 'people', 'what_to_do'] }, {})
  }
  if (collisions.length > 0) {
    await print('\n')
    const row = (one: Collision) => ({ collision: collisionText(one), 'what to do': COLLISION_REMEDIES[one.what] })
    await printList(collisions, { row, columns: ['collision', 'what to do'] }, {})
  }
  const columns = ['day', 'remaining', 'awaited', 'pending', 'synced', 'done', 'paused', 'failed']
  await print('\n')
  await printList(burnDown.slice(-DAYS_SHOWN), { row: (day) => ({ ...day }), columns }, {})
  if (report.erased.length > 0) {
    await print('\n')
    await printList(report.erased, { row: erasedRow, columns: ['what', 'days', 'erased', 'looked_at'] }, {})
  }
  const words = [outlook(report), warning(report)].filter((text) => text !== null)
  await print(`\n${words.join('\n')}\n`)
}
