import { type Comparison, compareAccounts, type FolderComparison } from '../support/compare.ts'
import { type Beside, readBeside } from '../support/fidelity.ts'
import type { ImapAccount } from '../support/imap-wire.ts'
import { bold, type Cell, columns, red, say, shortened, table } from './show.ts'

const COUNTS = ['messages', 'missing', 'altered', 'dates', 'flags', 'keywords', 'subscribed', 'extra'] as const
const FAULTS = COUNTS.slice(1)

type Counts = Record<(typeof COUNTS)[number], number>

/** What both servers have in common, and what not. */
export interface Proof extends Pick<Comparison, 'complete' | 'onlyOnNew'> {
  readonly folders: number
  readonly total: Counts
}

/** Reads both accounts message by message and shows a line per folder. */
export async function compare(name: string, old: ImapAccount, now: ImapAccount): Promise<Proof> {
  const { folders, complete, onlyOnNew } = await compareAccounts(old, now)
  const [there, here] = [await readBeside(old, 'source'), await readBeside(now, 'destination')]
  const width = Math.max(12, Math.floor((columns() - 76) / 2))
  const counted = folders.map((folder) => ({ folder, counts: { ...folder, ...besideIn(folder, there, here) } }))
  const total = Object.fromEntries(
    COUNTS.map((count) => [count, counted.reduce((sum, { counts }) => sum + counts[count], 0)]),
  ) as Counts
  const rows = counted.map(({ folder, counts }) => row(folder, counts, width))
  say(`\n${bold(name)}`)
  const sums = COUNTS.map((count) => total[count])
  table(['on the old server', 'on the new server', ...COUNTS], [...rows, [`${rows.length} folders`, '', ...sums]])
  for (const { old, remarks } of folders) for (const remark of remarks) say(red(`${old}: ${remark}`))
  for (const folder of onlyOnNew) say(red(`${folder} is on the new server only`))
  return { complete, onlyOnNew, folders: folders.length, total }
}

/** How many messages have other keywords there, and whether one server alone is subscribed to the folder. */
function besideIn({ new: name }: FolderComparison, there: Beside, here: Beside) {
  const keywordsOf = ({ keywords }: Beside) =>
    keywords.filter((line) => /^(.*) [0-9a-f]{12} /s.exec(line)?.[1] === name)
  const left = keywordsOf(here)
  const missing = keywordsOf(there).filter((line) => left.splice(left.indexOf(line) >>> 0, 1).length === 0)
  const isSubscribed = ({ subscriptions }: Beside) => subscriptions.includes(name)
  return { keywords: missing.length, subscribed: isSubscribed(there) === isSubscribed(here) ? 0 : 1 }
}

/** Whether everything of the source is on the destination, and nothing else. */
export function isExact({ complete, total, onlyOnNew }: Proof): boolean {
  return complete && FAULTS.every((fault) => total[fault] === 0) && onlyOnNew.length === 0
}

/** The result in a sentence. */
export function result(proofs: Proof[]): string {
  const sum = (count: (typeof COUNTS)[number]) => proofs.reduce((all, { total }) => all + total[count], 0)
  const folders = proofs.reduce((all, proof) => all + proof.folders, 0)
  const all = `${sum('messages')} messages in ${folders} folders of ${proofs.length} people`
  if (proofs.every(isExact)) {
    return `All ${all} are on the new server, byte for byte, with their dates, flags, keywords and subscriptions.`
  }
  return `Of ${all}: ${FAULTS.map((fault) => `${sum(fault)} ${fault}`).join(', ')}`
}

function row({ old, new: now, there }: FolderComparison, counts: Counts, width: number): Cell[] {
  return [shortened(old, width), shortened(there ? now : '(not there)', width), ...COUNTS.map((count) => counts[count])]
}
