import type { Line, Row } from '../row.ts'
import { table } from '../table.ts'
import { claims } from './claims.ts'
import { ledger } from './ledger.ts'
import { signingIn } from './signing-in.ts'
import { throughput } from './throughput.ts'
import { unchanged } from './unchanged.ts'

const ROWS: readonly Row[] = [throughput, unchanged, signingIn, ledger, claims]
const PACE = { rounds: 3, seconds: 2, people: 0 }

const HELP = `usage: npm run bench:crossing -- [ROW …]

Measures what copying costs, against OfflineIMAP run plainly, and prints a Markdown table. Takes half an hour.

rows:
${ROWS.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n')}`

const names = process.argv.slice(2)
if (!names.every((name) => ROWS.some((row) => row.name === name))) {
  console.error(HELP)
  process.exit(names[0] === '--help' ? 0 : 64)
}
const lines: Line[] = []
for (const row of ROWS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  lines.push(...(await row.measure(PACE)))
  console.error(`${row.name}: measured`)
}
console.log(table(lines))
process.exit(0)
