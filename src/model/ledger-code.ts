import { type LedgerCode, type LedgerFolder, type LedgerTotal, totalOf } from './ledger.ts'
import { decodeName } from './mailbox.ts'

interface Limits {
  readonly share: number
  /** Whether a folder may be emptied. */
  readonly emptied: boolean
}

/**
 * How much may be removed on the destination without a question. What nobody can copy again after a finish is asked
 * about sooner.
 */
const LIMITS = { job: { share: 0.2, emptied: true }, finish: { share: 0.1, emptied: false } } as const
export type LedgerPurpose = keyof typeof LIMITS

/** A person tidies up; a lost disk or a wrong home takes more. */
const REMOVED_WITHOUT_QUESTION = 5

/** Whether a ledger is clean, or why not. */
export function codeOf(folders: readonly LedgerFolder[], purpose: LedgerPurpose): LedgerCode | null {
  const total = totalOf(folders)
  if (total.counts.lost > 0) return 'lost'
  if (total.faults + total.badFolders > 0) return 'differs'
  const limits = LIMITS[purpose]
  const hasShrunk =
    isTooMuch(total, { ...limits, emptied: false }) || kept(folders).some((one) => isTooMuch(one, limits))
  return hasShrunk ? 'shrunk' : null
}

/** The folders of which something was removed, most first; emptying a bin is what it is for. */
export function shrunken(folders: readonly LedgerFolder[]): LedgerFolder[] {
  const some = kept(folders).filter(({ counts }) => counts.removed > 0)
  return some.sort((one, other) => other.counts.removed - one.counts.removed)
}

function kept(folders: readonly LedgerFolder[]): LedgerFolder[] {
  return folders.filter(({ name }) => !isBin(name))
}

function isTooMuch(
  { messages, counts }: Pick<LedgerTotal, 'messages' | 'counts'>,
  { share, emptied }: Limits,
): boolean {
  const { removed, accepted } = counts
  const nothingLeft = removed > 0 && removed === messages - accepted
  return (nothingLeft && !emptied) || removed > REMOVED_WITHOUT_QUESTION + share * messages
}

// As servers and mail clients call them.
const BINS = [
  ...['trash', 'bin', 'deleted', 'deleted items', 'deleted messages', 'papierkorb', 'gelöschte elemente', 'gelöscht'],
  ...['corbeille', 'éléments supprimés', 'papelera', 'elementos eliminados', 'cestino', 'posta eliminata', 'lixeira'],
  ...['prullenbak', 'verwijderde items', 'kosz', 'koš', 'papperskorgen', 'papirkurv', 'roskakori', 'корзина'],
  ...['junk', 'junk e-mail', 'junk email', 'junk mail', 'spam', 'bulk mail', 'spamverdacht', 'unerwünscht'],
]

function isBin(name: string): boolean {
  const last = decodeName(name).split(/[./]/).at(-1) ?? ''
  return BINS.includes(last.toLowerCase())
}
