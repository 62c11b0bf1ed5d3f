import { batchesOf } from '../../model/batches.ts'
import { alreadyThere, type Candidate } from './adopt.ts'
import { changeNames, copyMessages } from './both.ts'
import { digestsIn } from './content.ts'
import type { MergeFolder } from './folders.ts'
import { toDisk } from './land.ts'
import type { Sides } from './sides.ts'

interface New extends Candidate {
  readonly folder: MergeFolder
}

interface Uids {
  readonly folder: MergeFolder
  readonly uids: readonly number[]
}

/** So many messages are copied before they are noted. */
const BATCH = 2_000

/**
 * Copies what the mailbox in use never had.
 * @returns how many messages
 */
export async function mergeMessages(sides: Sides, folders: readonly MergeFolder[]): Promise<number> {
  const fresh = folders.map((folder) => {
    const known = sides.known(folder)
    return { folder, uids: [...folder.messages.keys()].filter((uid) => !known.has(uid)) }
  })
  const wanted = fresh.filter(({ uids }) => uids.length > 0)
  const there = await whichAreThere(sides, folders, wanted)
  const absent = wanted.map(({ folder, uids }) => {
    const found = there.get(folder) ?? new Set()
    sides.note(
      folder,
      uids.filter((uid) => found.has(uid)),
    )
    sides.deps.merged.landed(folder)
    return { folder, uids: uids.filter((uid) => !found.has(uid)) }
  })
  let copied = 0
  for (const batch of grouped(absent)) copied += await land(sides, batch)
  return copied
}

/** The new messages of the source that are here already, by folder. */
async function whichAreThere(
  sides: Sides,
  folders: readonly MergeFolder[],
  fresh: readonly Uids[],
): Promise<Map<MergeFolder, Set<number>>> {
  if (fresh.length === 0 || sides.messages === 0 || isAllNoted(sides, folders)) return new Map()
  const candidates: New[] = []
  for (const { folder, uids } of fresh) {
    const landing = sides.deps.merged.landing(folder)
    const { directory, uidValidity } = folder
    for (const [uid, digest] of await sides.content.read(folder, uids)) {
      candidates.push({ folder, directory, uidValidity, uid, digest, uidNext: landing.get(uid) })
    }
  }
  if (!(await mayBeThere(sides, candidates))) return new Map()
  const merged: string[] = []
  for (const folder of folders) merged.push(...(await sides.mergedDigests(folder)).values())
  const found = alreadyThere(candidates, await sides.live(), merged)
  const byFolder = Map.groupBy(found, ({ folder }) => folder)
  return new Map([...byFolder].map(([folder, all]) => [folder, new Set(all.map(({ uid }) => uid))]))
}

/** All that was ever here was noted, and the source still has it where it was: nothing new is one of those. */
function isAllNoted(sides: Sides, folders: readonly MergeFolder[]): boolean {
  if (!sides.deps.isNoted) return false
  const noted = folders.map((folder) => [...sides.known(folder).keys()].filter((uid) => folder.messages.has(uid)))
  const given = [...sides.folders.values()].reduce((sum, { uidNext }) => sum + uidNext - 1, 0)
  return given <= noted.reduce((sum, { length }) => sum + length, 0)
}

async function mayBeThere({ deps }: Sides, candidates: readonly New[]): Promise<boolean> {
  if (!deps.place.isPlain) return true
  const here = await digestsIn(deps.place.home, deps)
  return candidates.some(({ digest }) => here.has(digest))
}

/** What is copied and not noted when this is cut off, the next attempt finds by its content. */
async function land(sides: Sides, batch: readonly Uids[]): Promise<number> {
  const { merged, place, session, signal, onMessage } = sides.deps
  for (const { folder, uids } of batch) {
    signal.throwIfAborted()
    const { name, from } = folder
    if (name !== 'INBOX' && !sides.folders.has(name)) await changeNames(session, 'CREATE', [name])
    merged.land(folder, uids, sides.folders.get(name)?.uidNext ?? 1)
    await copyMessages(session, from, uids, name)
    for (const _ of uids) onMessage()
  }
  await toDisk(place, signal)
  for (const { folder, uids } of batch) {
    sides.note(folder, uids)
    merged.landed(folder)
  }
  return batch.reduce((sum, { uids }) => sum + uids.length, 0)
}

/** The same, so many messages at a time. */
function* grouped(all: readonly Uids[]): Generator<Uids[]> {
  let [batch, size]: [Uids[], number] = [[], 0]
  for (const { folder, uids } of all) {
    for (const some of batchesOf(uids, BATCH)) {
      if (size + some.length > BATCH) {
        yield batch
        ;[batch, size] = [[], 0]
      }
      batch.push({ folder, uids: some })
      size += some.length
    }
  }
  if (batch.length > 0) yield batch
}
