import { parseArgs } from 'node:util'
import type { Line, Row } from './row.ts'
import { checkpassword } from './rows/checkpassword.ts'
import { coldDovecot } from './rows/cold-dovecot.ts'
import { coldHttp } from './rows/cold-http.ts'
import { firstAlone } from './rows/first-alone.ts'
import { firstMany } from './rows/first-many.ts'
import { repeatDovecot } from './rows/repeat-dovecot.ts'
import { repeatHttp } from './rows/repeat-http.ts'
import { storm } from './rows/storm.ts'
import { markdownTable, plainTable } from './table.ts'

const ROWS: readonly Row[] = [
  repeatHttp,
  repeatDovecot,
  coldHttp,
  coldDovecot,
  firstAlone,
  firstMany,
  checkpassword,
  storm,
]
const USAGE = `usage: npm run bench -- [--markdown] [--rounds N] [--seconds N] [ROW…]
rows: ${ROWS.map(({ name }) => name).join(' ')}`

const EX_USAGE = 64

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      markdown: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  })
  const chosen = ROWS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  if (values.help) {
    console.log(USAGE)
    return
  }
  const pace = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  const known = positionals.every((wanted) => chosen.some(({ name }) => name === wanted))
  if (!known || !(pace.rounds >= 1) || !(pace.seconds > 0)) {
    console.error(USAGE)
    process.exit(EX_USAGE)
  }
  const lines: Line[] = []
  for (const row of chosen) {
    console.error(`${row.name} …`)
    lines.push(...(await row.measure(pace)))
  }
  console.log(values.markdown ? markdownTable(lines) : plainTable(lines))
  // A missed target is a result too.
  process.exit(0)
}

await main()
