import type { SourceFolders } from '../../copying/ports.ts'
import type { DestinationMail, EngineRecords } from '../../ledger/ports.ts'
import { type Matched, type MergeFolder, matched } from './folders.ts'
import { foldersOf, messagesOf } from './mirror.ts'
import type { Place } from './place.ts'

interface ListedDeps {
  readonly destination: Pick<DestinationMail, 'titleOf'>
  readonly states: Pick<EngineRecords, 'directoriesOf'>
  readonly signal: AbortSignal
}

/** The wanted folders of the source in the mirror, as it is now; the mailbox in use is not looked at. */
export async function listMirror(
  place: Place,
  source: SourceFolders,
  { destination: { titleOf }, states, signal }: ListedDeps,
): Promise<Matched> {
  const folders = await foldersOf(place, place.mirror, signal)
  const byGuid = await messagesOf(place, place.mirror, signal)
  const messages = new Map<string, MergeFolder['messages']>()
  for (const { name, guid } of folders.values()) {
    messages.set(name, new Map(byGuid.get(guid)?.map(({ uid, flags }) => [uid, flags])))
  }
  const directories = states.directoriesOf(source.mailboxes.map(({ mailbox }) => mailbox))
  return matched(source, { folders, messages }, { directories, titleOf })
}
