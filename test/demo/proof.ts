import { type Comparison, compareAccounts, type FolderComparison } from '../support/compare.ts'
import type { ImapAccount } from '../support/imap-wire.ts'
import { bold, type Cell, columns, red, say, shortened, table } from './show.ts'

const COUNTS = ['messages', 'missing', 'altered', 'dates', 'flags', 'extra'] as const
const FAULTS = COUNTS.slice(1)

/** Reads both accounts message by message and shows a line per folder. */
export async function compare(name: string, old: ImapAccount, now: ImapAccount): Promise<Comparison> {
  const comparison = await compareAccounts(old, now)
  const width = Math.max(12, Math.floor((columns() - 54) / 2))
  const rows = comparison.folders.map((folder) => row(folder, width))
  const total = COUNTS.map((count) => comparison.total[count])
  say(`\n${bold(name)}`)
  table(['on the old server', 'on the new server', ...COUNTS], [...rows, [`${rows.length} folders`, '', ...total]])
  for (const { old, remarks } of comparison.folders) for (const remark of remarks) say(red(`${old}: ${remark}`))
  for (const folder of comparison.onlyOnNew) say(red(`${folder} is on the new server only`))
  return comparison
}

/** Whether every message of the source is on the destination, and nothing else. */
export function isExact({ complete, total, onlyOnNew }: Comparison): boolean {
  return complete && FAULTS.every((fault) => total[fault] === 0) && onlyOnNew.length === 0
}

/** The result in a sentence. */
export function result(comparisons: Comparison[]): string {
  const sum = (count: (typeof COUNTS)[number]) => comparisons.reduce((all, { total }) => all + total[count], 0)
  const folders = comparisons.reduce((all, comparison) => all + comparison.folders.length, 0)
  const all = `${sum('messages')} messages in ${folders} folders of ${comparisons.length} people`
  if (comparisons.every(isExact)) return `All ${all} are on the new server, byte for byte, with their dates and flags.`
  return `Of ${all}: ${FAULTS.map((fault) => `${sum(fault)} ${fault}`).join(', ')}`
}

function row(folder: FolderComparison, width: number): Cell[] {
  const now = folder.there ? folder.new : '(not there)'
  return [shortened(folder.old, width), shortened(now, width), ...COUNTS.map((count) => folder[count])]
}
