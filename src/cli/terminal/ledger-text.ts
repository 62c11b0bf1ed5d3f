import { countsIn, NOT_COMPARED, sentence } from '../../ledger/words.ts'
import { count } from '../../model/count.ts'
import { CHANGES, type Difference, FAULTS, type Ledger, type LedgerFolder, totalOf } from '../../model/ledger.ts'
import { decodeName } from '../../model/mailbox.ts'
import { layoutOf, line, tableRow, visible } from './text.ts'

/** How many differences of a ledger are shown; the rest is in its JSON. */
const SHOWN = 50

/** A ledger in one line, or null without one. */
export function ledgerLine(ledger: Ledger | null): string | null {
  return ledger && `${ledger.takenAt.toISOString()} ${sentence(ledger)}`
}

/** A ledger for people: folders that are not as at the source, the differences, and what an administrator can do. */
export function ledgerText(address: string, ledger: Ledger): string {
  const { fetched, seconds, folders } = ledger
  const { messages, proved, extra, duplicated } = totalOf(folders)
  const read = `${count(proved)} of ${count(messages)} found byte for byte, ${count(fetched)} of them read from the old server now, in ${seconds.toFixed(1)} s`
  const more =
    extra === 0
      ? ''
      : `${count(extra)} more messages are on the new server, ${count(duplicated)} of them second copies\n`
  return [
    `${visible(address)}: ${visible(sentence(ledger))}\n${read}\n${more}`,
    folderTable(folders.filter(isTold)),
    differenceTable(ledger),
    ...[...advice(ledger), NOT_COMPARED].map((text) => `${text}\n`),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function isTold({ state, counts }: LedgerFolder): boolean {
  return state !== 'there' || [...FAULTS, ...CHANGES].some((kind) => counts[kind] > 0)
}

function folderTable(folders: readonly LedgerFolder[]): string {
  if (folders.length === 0) return ''
  const rows = folders.map(({ name, state, remark, messages, proved, counts }) => [
    line(decodeName(name)),
    line(remark === null ? state : `${state}: ${remark}`),
    ...[messages, proved].map(count),
    line(countsIn({ counts }, [...FAULTS, ...CHANGES]) || null),
  ])
  return table(['FOLDER', 'ON the new server', 'MESSAGES', 'PROVED', 'WHAT'], rows)
}

function differenceTable({ differences, folders }: Ledger): string {
  if (differences.length === 0) return ''
  const shown = differences.slice(0, SHOWN)
  const { faults, changes } = totalOf(folders)
  const rest = faults + changes - shown.length
  const more = rest > 0 ? `and ${count(rest)} more: --json shows up to 1000 of each kind\n` : ''
  return differenceRows(shown) + more
}

/** Differences message by message. */
export function differenceRows(differences: readonly Difference[]): string {
  const rows = differences.map(({ kind, folder, uid, messageId, old, now }) => {
    return [kind, decodeName(folder), uid === null ? null : `${uid}`, messageId || null, old, now].map(line)
  })
  return table(['KIND', 'FOLDER', 'UID', 'MESSAGE-ID', 'the old server', 'the new server'], rows)
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const all = [head, ...rows]
  const layout = layoutOf(all, null)
  return all.map((row) => tableRow(row, layout)).join('')
}

function advice({ code, folders }: Ledger): string[] {
  if (code === null) return []
  const { counts } = totalOf(folders)
  const said: string[] = []
  if (counts.waiting > 0) said.push('The next copying run brings what is not copied yet.')
  if (code === 'lost') said.push('What is lost is copied again by: postferry migration retry ADDRESS')
  if (code === 'shrunk') said.push('Ask the person, and look at the disk and the home of the account.')
  if (code === 'shrunk' || counts.waiting < totalOf(folders).faults) {
    said.push('What is right as it is can be accepted: postferry verify ADDRESS --accept')
  }
  return said
}
