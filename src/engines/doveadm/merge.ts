import { changeNames } from './both.ts'
import type { MergeFolder } from './folders.ts'
import { mergeFlags } from './merge-flags.ts'
import { mergeMessages } from './merge-messages.ts'
import { noteReturned } from './returned.ts'
import { type MergeDeps, Sides } from './sides.ts'

/** What a merge has done. */
export interface MergedNow {
  /** Messages that were copied. */
  readonly messages: number
  /** Before it the mailbox in use was. */
  readonly wasEmpty: boolean
}

/**
 * Brings what the mirror has and the mailbox in use never had into it. Deletes nothing there.
 * @param subscribed by the source's names
 */
export async function merge(
  folders: readonly MergeFolder[],
  subscribed: ReadonlySet<string>,
  deps: MergeDeps,
): Promise<MergedNow> {
  const sides = new Sides(deps)
  await sides.readFolders()
  const wasEmpty = sides.messages === 0
  if (deps.left !== null) await noteReturned(sides, folders, deps.left)
  await makeFolders(sides, folders)
  // Before new messages are noted: what they are flagged with, they bring along.
  await mergeFlags(sides, folders)
  const messages = await mergeMessages(sides, folders)
  await mergeSubscriptions(sides, folders, subscribed)
  return { messages, wasEmpty }
}

/** Also the empty ones; once, and the INBOX comes by itself. */
async function makeFolders(sides: Sides, folders: readonly MergeFolder[]): Promise<void> {
  const { merged, session } = sides.deps
  const made = merged.folders
  const missing = folders.filter((folder) => {
    const { name, directory } = folder
    const wasHere = sides.folders.has(name) || made.has(directory) || sides.known(folder).size > 0
    return name !== 'INBOX' && !wasHere
  })
  const names = missing.map(({ name }) => name)
  await changeNames(session, 'CREATE', names)
  merged.addFolders(folders.map(({ directory }) => directory))
  if (missing.length > 0) await sides.readFolders()
}

/** The source's are the destination's, as far as they have changed since the last merge. */
async function mergeSubscriptions(
  sides: Sides,
  folders: readonly MergeFolder[],
  subscribed: ReadonlySet<string>,
): Promise<void> {
  const { merged, session } = sides.deps
  const now = new Set(folders.filter(({ mailbox }) => subscribed.has(mailbox.name)).map(({ name }) => name))
  const before = merged.subscriptions
  const added = [...now].filter((name) => !before.has(name))
  const removed = [...before].filter((name) => !now.has(name))
  if (added.length + removed.length > 0) await sides.readFolders()
  const isHere = (name: string) => sides.folders.has(name)
  await changeNames(session, 'SUBSCRIBE', added.filter(isHere))
  await changeNames(session, 'UNSUBSCRIBE', removed.filter(isHere))
  merged.setSubscriptions(now)
}
