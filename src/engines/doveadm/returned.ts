import type { FlippedRecord } from './flipped.ts'
import type { MergeFolder } from './folders.ts'
import { changesIn } from './merge-flags.ts'
import { flagsText } from './return-plan.ts'
import type { Sides } from './sides.ts'

/** What the source had when it was left, and what returns have made of it that did not come to their end. */
export type LeftAt = Pick<FlippedRecord, 'known' | 'aims' | 'brought'>

/**
 * Notes as merged what a return has written at the source: it came from here. Whoever has moved a message would have it twice
 * otherwise, as long as the source has it in both folders.
 */
export async function noteReturned(sides: Sides, folders: readonly MergeFolder[], record: LeftAt): Promise<void> {
  const { known, aims } = record
  for (const folder of folders) {
    const { mailbox, uidValidity, messages } = folder
    const merged = sides.known(folder)
    const marked = [...changesIn(sides, folder).keys()]
    const before = known.get(mailbox.name)
    const isLeft = (uid: number) => before?.uidValidity === uidValidity && before.messages.has(uid)
    const aimed = aims.get(mailbox.name)?.messages
    const isMarked = (uid: number) => {
      const now = flagsText(messages.get(uid) ?? [])
      return aimed?.get(uid)?.flags === now || (isLeft(uid) && before?.messages.get(uid) === now)
    }
    const fresh = [...messages.keys()].filter((uid) => !merged.has(uid) && !isLeft(uid))
    const brought = await broughtIn(sides, folder, fresh, record)
    const left = [...messages.keys()].filter((uid) => !merged.has(uid) && isLeft(uid))
    sides.note(folder, [...left, ...brought, ...marked.filter(isMarked)])
  }
}

/** Those that are what a return has brought: another message may have come under such a number. */
async function broughtIn(
  { content }: Sides,
  folder: MergeFolder,
  fresh: readonly number[],
  { brought }: LeftAt,
): Promise<Set<number>> {
  const noted = brought(folder.mailbox.name, folder.uidValidity)
  const digests = await content.read(
    folder,
    fresh.filter((uid) => noted.has(uid)),
  )
  return new Set([...digests].filter(([uid, digest]) => noted.get(uid)?.digest === digest).map(([uid]) => uid))
}
