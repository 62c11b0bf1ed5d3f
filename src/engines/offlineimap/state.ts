import { forgetProofs, openProofs } from '../../ledger/digest-cache.ts'
import type { CopyingState } from '../../ledger/ports.ts'
import { dropReceiptsIn, receiptsIn } from './local-status.ts'

/** @param metadataOf the folder where OfflineIMAP remembers what it has copied of a migration */
export function copyingState(metadataOf: (migrationId: string) => string): CopyingState {
  return {
    openProofs: (migrationId) => openProofs(metadataOf(migrationId), migrationId),
    forgetProofs: (migrationId) => forgetProofs(metadataOf(migrationId), migrationId),
    receipts: (migrationId, directory, uidValidity) =>
      receiptsIn(metadataOf(migrationId), migrationId, directory, uidValidity),
    dropReceipts: (migrationId, lost) => dropReceiptsIn(metadataOf(migrationId), migrationId, lost),
  }
}
