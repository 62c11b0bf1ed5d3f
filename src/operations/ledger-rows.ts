import { sentence } from '../ledger/words.ts'
import { type Difference, type Ledger, type LedgerFolder, totalOf } from '../model/ledger.ts'
import { decodeName } from '../model/mailbox.ts'

/** What a ledger comes to. */
export function ledgerRow(ledger: Ledger) {
  const { code, takenAt, seconds, fetched, folders } = ledger
  const { messages, proved, extra, duplicated, counts, faults, changes } = totalOf(folders)
  return {
    ...{ clean: code === null, code, sentence: sentence(ledger), taken_at: takenAt, seconds, fetched },
    ...{ messages, proved, extra, duplicated, faults, changes, counts },
    folders: folders.map(folderRow),
  }
}

function folderRow({ provedUids, lostUids, acceptedUids, acceptedUnlisted, uidValidity, ...folder }: LedgerFolder) {
  return { ...folder, name: decodeName(folder.name), uid_validity: uidValidity }
}

export function differenceRow({ messageId, folder, ...difference }: Difference) {
  return { ...difference, folder: decodeName(folder), message_id: messageId }
}
