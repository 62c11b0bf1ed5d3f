import { count } from '../model/count.ts'
import {
  CHANGES,
  FAULTS,
  type Kind,
  type Ledger,
  type LedgerFolder,
  type LedgerTotal,
  totalOf,
} from '../model/ledger.ts'
import { shrunken } from '../model/ledger-code.ts'
import { decodeName } from '../model/mailbox.ts'

const WORDS: Readonly<Record<Kind, string>> = {
  missing: 'missing',
  lost: 'lost after they were delivered',
  waiting: 'not copied yet',
  altered: 'altered',
  date: 'with another date',
  flags: 'with other flags',
  keywords: 'with other keywords',
  unreadable: 'not handed over by the old server',
  subscription: 'not subscribed to',
  moved: 'moved',
  removed: 'removed',
  reflagged: 'flagged anew',
  unsubscribed: 'unsubscribed from',
  unkept: 'with keywords that it has no room for',
  accepted: 'accepted as they are',
}

/** What a clean ledger says nothing about. */
export const NOT_COMPARED = 'Not compared: the UIDLs of POP3 clients.'

/** What the ledger says. */
export function sentence({ code, folders }: Pick<Ledger, 'code' | 'folders'>): string {
  const total = totalOf(folders)
  const all = `${count(total.messages)} messages in ${count(folders.length)} folders`
  const changes = countsIn(total, CHANGES)
  const since = changes === '' ? '' : `; on the new server since: ${changes}`
  if (code === null) return `clean: all ${all} are accounted for${since}`
  if (code === 'shrunk') {
    return `shrunk: of ${all}, ${count(total.counts.removed)} were on the new server and are not any more${whereOf(folders)}`
  }
  return `${code}: of ${all}, ${faultsOf(total)}${since}`
}

/** What is known of a copy when its migration is finished: proved, what is lost, or never looked at. */
export function proofOf(ledger: Pick<Ledger, 'takenAt' | 'code' | 'folders'> | null): string {
  if (ledger === null) return 'the copy was never compared with the old server'
  return `the ledger of ${ledger.takenAt.toISOString()} ${ledger.code === null ? 'is clean' : sentence(ledger)}`
}

const FOLDERS_NAMED = 3

function whereOf(folders: readonly LedgerFolder[]): string {
  const named = shrunken(folders).slice(0, FOLDERS_NAMED)
  const parts = named.map(
    ({ name, counts, messages }) => `${decodeName(name)}: ${count(counts.removed)} of ${count(messages)}`,
  )
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function faultsOf(total: LedgerTotal): string {
  const bad = total.badFolders === 0 ? '' : `${total.badFolders} folders missing or unreadable`
  return [countsIn(total, FAULTS), bad].filter((part) => part !== '').join(', ')
}

/** How many messages of these kinds there are, in words; empty when there are none. */
export function countsIn({ counts }: Pick<LedgerTotal, 'counts'>, kinds: readonly Kind[]): string {
  return kinds
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${count(counts[kind])} ${WORDS[kind]}`)
    .join(', ')
}
