import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { interrupted } from './interrupt.ts'
import type { Line, Pace, Row } from './row.ts'
import { checkpassword } from './rows/checkpassword.ts'
import { coldDovecot } from './rows/cold-dovecot.ts'
import { coldHttp } from './rows/cold-http.ts'
import { firstAlone } from './rows/first-alone.ts'
import { firstMany } from './rows/first-many.ts'
import { idle } from './rows/idle.ts'
import { proxiedHttp } from './rows/proxied-http.ts'
import { repeatDovecot } from './rows/repeat-dovecot.ts'
import { repeatHttp } from './rows/repeat-http.ts'
import { socketmap } from './rows/socketmap.ts'
import { start } from './rows/start.ts'
import { storm } from './rows/storm.ts'
import { table } from './table.ts'

const ROWS: readonly Row[] = [
  repeatHttp,
  proxiedHttp,
  repeatDovecot,
  coldHttp,
  coldDovecot,
  firstAlone,
  firstMany,
  checkpassword,
  start,
  socketmap,
  storm,
  idle,
]

const HELP = `usage: npm run bench -- [--rows ROW,…] [--rounds N] [--seconds S] [--people N] [ROW …]

Measures postferry against a reference, in turns in one run, and prints a Markdown table. A missed target is a
measurement like any other: the exit code is 1 only when a row could not be measured.

  --rows ROW,…   only these rows (or name them one after the other); all of them take less than ten minutes
  --rounds N     how many times both sides are measured, after one round that warms up: 7
  --seconds S    how long one side of a round is asked, where a rate is measured: 2
  --people N     how many people arrive in the storm: 10000
  NODE_OPTIONS   reaches the service, too: "--cpu-prof --cpu-prof-dir=DIR" tells what it spends its time on

rows:
${ROWS.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}`

const FAILED = 1
const EX_USAGE = 64
const INTERRUPTED = 130

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      rows: { type: 'string', default: '' },
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '2' },
      people: { type: 'string', default: '10000' },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const names = [...positionals, ...values.rows.split(',').filter(Boolean)]
  const pace = { rounds: Number(values.rounds), seconds: Number(values.seconds), people: Number(values.people) }
  const isKnown = names.every((wanted) => ROWS.some(({ name }) => name === wanted))
  const isMeasurable = isCount(pace.rounds) && isCount(pace.people) && pace.seconds > 0
  if (!isKnown || !isMeasurable) throw new Error('usage')
  return await measure(
    ROWS.filter(({ name }) => names.length === 0 || names.includes(name)),
    pace,
  )
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1
}

/** @returns the exit code */
async function measure(rows: readonly Row[], pace: Pace): Promise<number> {
  const heading = headingOf(pace)
  const lines: Line[] = []
  let failed = 0
  for (const row of rows) {
    const startedAt = performance.now()
    try {
      lines.push(...(await row.measure(pace)))
      console.error(`${row.name}: measured in ${seconds(startedAt)}`)
    } catch (error) {
      if (interrupted.aborted) return INTERRUPTED
      failed++
      console.error(`${row.name}: could not be measured`, error)
    }
  }
  console.log(`${heading}\n\n${table(lines)}`)
  return failed === 0 ? 0 : FAILED
}

function headingOf({ rounds }: Pace): string {
  const cores = `${availableParallelism()} shared cores (postferry, what it is compared with, the servers and what asks them)`
  const load = `load average at the start ${loadavg()[0]?.toFixed(1)}`
  return `${cores}, Node ${process.version}, ${load}. Medians of ${rounds} rounds in turns; in brackets the middle half of their ratios.`
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(0)} s`
}

process.exitCode = await main().catch((error) => {
  console.error(`${error instanceof Error && error.message !== 'usage' ? `${error.message}\n` : ''}${HELP}`)
  return EX_USAGE
})
