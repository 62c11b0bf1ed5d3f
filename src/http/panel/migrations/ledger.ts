import { countsIn, NOT_COMPARED, sentence } from '../../../ledger/words.ts'
import { count, countOf } from '../../../model/count.ts'
import { CHANGES, type Difference, FAULTS, type Ledger, type LedgerFolder, totalOf } from '../../../model/ledger.ts'
import { decodeName } from '../../../model/mailbox.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, facts, table, when } from '../parts.ts'

/** What the last comparison of both servers has found. */
export function ledgerSection(ledger: Ledger | null, shown: readonly Difference[], address: string): Piece {
  return html`<section class="card" id="ledger"><h2>Ledger</h2>${ledger === null ? never(address) : found(ledger, shown, address)}</section>`
}

function never(address: string): Content {
  return html`<p class="empty">The servers have not been compared yet. The first complete attempt compares them; or run, on the copying host:
    <code>postferry verify ${address}</code></p>`
}

function found(ledger: Ledger, shown: readonly Difference[], address: string): Content {
  const { messages, proved, extra, duplicated } = totalOf(ledger.folders)
  const clean = ledger.code === null ? badge('clean', 'good') : badge(ledger.code, 'bad')
  return html`${facts([
    ['Result', html`${clean} ${withoutWord(sentence(ledger))}`],
    ['Taken', html`${when(ledger.takenAt, 'relative')} in ${ledger.seconds.toFixed(1)} s`],
    ['Proved', `${count(proved)} of ${count(messages)} messages were found byte for byte`],
    [
      'More on the new server',
      extra === 0 ? 'nothing' : `${countOf(extra, 'message', 'messages')}, ${count(duplicated)} of them second copies`,
    ],
  ])}
    <p class="faint">${NOT_COMPARED}</p>
    ${folderTable(ledger.folders)} ${differences(ledger, shown, address)}`
}

/** The word before the colon stands beside it already. */
function withoutWord(sentence: string): string {
  return sentence.replace(/^\w+: /, '')
}

function folderTable(folders: readonly LedgerFolder[]): Piece {
  return html`<h3>Folders</h3>${table(
    'Each folder of the old server',
    [
      { head: 'Folder', cell: ({ name }) => decodeName(name) },
      { head: 'New server', cell: ({ state, remark }) => (remark === null ? state : `${state}: ${remark}`) },
      { head: 'Messages', isNumber: true, cell: ({ messages }) => count(messages) },
      { head: 'Proved', isNumber: true, cell: ({ proved }) => proved },
      { head: 'What differs', cell: ({ counts }) => countsIn({ counts }, [...FAULTS, ...CHANGES]) || '–' },
    ],
    folders,
    'The old server holds no folder with messages.',
  )}`
}

function differences({ folders }: Ledger, shown: readonly Difference[], address: string): Content {
  if (shown.length === 0) return null
  const { faults, changes } = totalOf(folders)
  const more = faults + changes - shown.length
  return html`<h3>What differs</h3>
    ${table<Difference>(
      'Message by message',
      [
        { head: 'What', cell: ({ kind }) => kind },
        { head: 'Folder', cell: ({ folder }) => decodeName(folder) },
        { head: 'UID', isNumber: true, cell: ({ uid }) => uid ?? '–' },
        { head: 'Message-ID', cell: ({ messageId }) => messageId || '–' },
        { head: 'Old server', cell: ({ old }) => old },
        { head: 'New server', cell: ({ now }) => now },
      ],
      shown,
      '',
    )}
    ${more > 0 && html`<p class="faint">and ${more} more: <code>postferry verify ${address} --json</code></p>`}
    <p class="faint">Accept differences that are right, on the copying host: <code>postferry verify ${address} --accept</code></p>`
}
