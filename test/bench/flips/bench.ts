import { parseArgs } from 'node:util'
import { table } from '../table.ts'
import { measureWave } from './wave.ts'

const EX_USAGE = 64
const DEFAULTS = { people: 20, messages: 20, slots: 2 }

const HELP = `usage: npm run bench:flips -- [--people N] [--messages N] [--slots N]

Measures a wave: proxied people are flipped, the wave is stopped in the middle and requested again, while others sign in.
Prints a Markdown table. Wants root: the worker is weighed as its unit has it. docs/figures.md tells of 1,000 people: some minutes.

  --people N     who is flipped (default: ${DEFAULTS.people})
  --messages N   how many messages each of them has (default: ${DEFAULTS.messages})
  --slots N      how many flips at a time (default: ${DEFAULTS.slots})`

async function main(): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, people: text, messages: text, slots: text } })
  const size = {
    people: Number(values.people ?? DEFAULTS.people),
    messages: Number(values.messages ?? DEFAULTS.messages),
    slots: Number(values.slots ?? DEFAULTS.slots),
  }
  const isUsable = Object.values(size).every((count) => Number.isInteger(count) && count > 0)
  if (values.help || !isUsable) {
    console.log(HELP)
    return isUsable ? 0 : EX_USAGE
  }
  console.log(table(await measureWave(size)))
  return 0
}

process.exit(await main())
