import { type Command, Option } from 'commander'
import { COLLISION_REMEDIES, type Collision, collisionText } from '../../operations/collisions.ts'
import type { House } from '../../operations/house.ts'
import { namedProvider } from '../../operations/providers.ts'
import { outlook, type Report, total, warning } from '../../operations/report.ts'
import { erasedRow, reportRow } from '../../operations/rows.ts'
import type { CliDeps } from '../deps.ts'
import { domain, examples } from '../terminal/arguments.ts'
import { print, printCsv, printList, printRecord } from '../terminal/output.ts'
import { migrationList, peopleList } from '../terminal/rows.ts'

interface Options {
  readonly awaited?: boolean
  readonly provider?: string
  readonly domain?: string
  readonly json?: boolean
  readonly csv?: boolean
}

const DAYS_SHOWN = 14

export function addReportCommand(postferry: Command, { open }: CliDeps): void {
  const command = postferry
    .command('report')
    .description('how far the people are: by provider and domain, by day, and what stops them')
    .option('--awaited', 'list who has never come, instead')
    .option('--provider <name>', 'from this provider')
    .option('--domain <domain>', 'from this domain of the old server', domain)
    .option('--json', 'print one JSON object; with --awaited one JSON array')
    .addOption(
      new Option('--csv', 'print the people by provider and domain, or with --awaited the list, as CSV').conflicts(
        'json',
      ),
    )
  examples(
    command,
    'postferry report',
    'postferry report --json',
    'postferry report --awaited --domain old.example --csv',
  ).action(async (options: Options) => {
    await using house = await open()
    const { provider } = options
    if (provider !== undefined) await namedProvider(provider, house)
    await (options.awaited ? printAwaited(house, options) : printReport(await house.report(options), options))
  })
}

async function printAwaited({ migrations }: House, { provider, domain, csv, ...options }: Options): Promise<void> {
  const filter = {
    neverCame: true,
    ...(provider !== undefined && { provider }),
    ...(domain !== undefined && { domain }),
  }
  const people = migrations.list(filter)
  await (csv ? printCsv(people, migrationList) : printList(people, migrationList, options))
}

async function printReport(report: Report, { json, csv }: Options): Promise<void> {
  if (csv) await printCsv(report.people, peopleList)
  else if (json) await printRecord(reportRow(report), { json })
  else await printTables(report)
}

async function printTables(report: Report): Promise<void> {
  const { people, failures, collisions, burnDown } = report
  await printList(people.length > 1 ? [...people, total(people)] : people, peopleList, {})
  if (failures.length > 0) {
    await print('\n')
    await printList(failures, { row: (failure) => ({ ...failure }), columns: ['code', 'people'] }, {})
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
