import { parseArgs } from 'node:util'
import type { Line } from '../row.ts'
import { table } from '../table.ts'
import { large } from './large.ts'
import { newMessage } from './new-message.ts'
import { FULL, SHORT, type Size } from './size.ts'
import { speed } from './speed.ts'

const ROWS = [speed, newMessage, large]
const EX_USAGE = 64

const HELP = `usage: npm run bench:copy -- [--full] [--people N] [--plain N] [--messages N] [--rounds N] [--distance N] [ROW …]

Measures the engine doveadm beside two OfflineIMAPs and two mbsyncs in the same run, at distances that a relay makes, and
prints a Markdown table. As root: Courier and mbsync are Debian 12's (test/support/old-servers-root.sh).

  --full         as many people and messages as docs/figures.md tells of: two hours and 20 GB of disk; otherwise some
                 minutes
  --people N     how many people are copied
  --plain N      how many of them OfflineIMAP copies, which takes its time
  --messages N   how many messages each of them has
  --rounds N     how many times each way is measured, in turns
  --distance N   in milliseconds of round trip, instead of 0, 10 and 40; may be repeated

rows:
${ROWS.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}`

function sizeIn(values: Readonly<Record<string, string | boolean | string[] | undefined>>): Size {
  const size: Size = values.full ? FULL : SHORT
  const given = (name: 'people' | 'plain' | 'messages' | 'rounds') => Number(values[name] ?? size[name])
  const changed = {
    people: given('people'),
    plain: given('plain'),
    messages: given('messages'),
    rounds: given('rounds'),
  }
  if (!Object.values(changed).every((count) => Number.isInteger(count) && count > 0)) throw new Error('usage')
  const distances = values.distance === undefined ? size.distances : [values.distance].flat().map(Number)
  return { ...size, ...changed, distances }
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const
  const { values, positionals: names } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      full: { type: 'boolean' },
      people: text,
      messages: text,
      plain: text,
      rounds: text,
      distance: { ...text, multiple: true },
    },
  })
  const isKnown = names.every((wanted) => ROWS.some(({ name }) => name === wanted))
  if (values.help || !isKnown) {
    console.log(HELP)
    return isKnown ? 0 : EX_USAGE
  }
  const size = sizeIn(values)
  const lines: Line[] = []
  for (const row of ROWS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    lines.push(...(await row.measure(size)))
    console.error(`${row.name}: measured`)
  }
  console.log(table(lines))
  return 0
}

process.exit(
  await main().catch((error) => {
    console.error(error.message === 'usage' ? HELP : error)
    return EX_USAGE
  }),
)
