import type { SourceFolders } from '../../copying/ports.ts'
import { type MergeFolder, namespaceOf } from './folders.ts'
import { openMerged } from './merged.ts'
import { noteFolder, type SyncStates } from './sides.ts'

/**
 * Notes what a mirror has as merged: it is about to be the mailbox, and what comes after it is merged then.
 * @param folders all of the mirror
 * @param changed those with something new
 */
export function noteMirror(
  folders: readonly MergeFolder[],
  changed: readonly MergeFolder[],
  source: SourceFolders,
  { migrationId, states }: { migrationId: string; states: SyncStates & { readonly stateFolder: string } },
): void {
  using merged = openMerged(states.stateFolder, migrationId)
  for (const folder of changed) noteFolder(folder, [...folder.messages.keys()], { migrationId, states, merged })
  merged.addFolders(folders.map(({ directory }) => directory))
  merged.setSubscriptions(
    new Set(folders.filter(({ mailbox }) => source.subscribed.has(mailbox.name)).map(({ name }) => name)),
  )
  merged.setNamespace(namespaceOf(source))
}
