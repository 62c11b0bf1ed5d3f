import { storeFlags } from './both.ts'
import type { LiveMessage } from './content.ts'
import { changeOf, flagsOf, keywordsOf, lettersOf } from './flags.ts'
import type { MergeFolder } from './folders.ts'
import type { Sides } from './sides.ts'

type Changes = ReadonlyMap<number, ReturnType<typeof changeOf>>

/** Three ways: what the source has changed since the last merge is changed here, and nothing else. */
export async function mergeFlags(sides: Sides, folders: readonly MergeFolder[]): Promise<void> {
  for (const folder of folders) {
    const changes = changesIn(sides, folder)
    if (changes.size === 0) continue
    await changeFlags(sides, folder, changes)
    sides.note(folder, [...changes.keys()])
  }
}

/** What the source has changed since the last merge, by UID. */
export function changesIn(sides: Sides, folder: MergeFolder): Changes {
  const keywords = sides.deps.merged.keywords(folder)
  const changes = new Map<number, ReturnType<typeof changeOf>>()
  for (const [uid, letters] of sides.known(folder)) {
    const flags = folder.messages.get(uid)
    if (flags === undefined) continue
    const now = flagsOf(lettersOf(flags), keywordsOf(flags))
    const change = changeOf(flagsOf(letters, keywords.get(uid) ?? []), now)
    if (change.add.length + change.remove.length > 0) changes.set(uid, change)
  }
  return changes
}

async function changeFlags(sides: Sides, folder: MergeFolder, changes: Changes): Promise<void> {
  const targets = await targetsIn(sides, folder)
  const steps = [...changes].flatMap(([uid, { add, remove }]) => {
    const target = targets.get(uid)
    if (target === undefined) return []
    return [
      { how: 'add' as const, flags: add, target },
      { how: 'remove' as const, flags: remove, target },
    ]
  })
  const some = steps.filter(({ flags }) => flags.length > 0)
  for (const group of Map.groupBy(some, ({ how, flags }) => `${how} ${flags.join(' ')}`).values()) {
    const [first] = group as [(typeof group)[number]]
    const uids = group.map(({ target }) => target.uid).sort((a, b) => a - b)
    await storeFlags(sides.deps.session, folder.name, uids, first.how, first.flags)
  }
}

/** Merged messages in their own folder here, by UID at the source; of several with the same bytes in their order. */
async function targetsIn(sides: Sides, folder: MergeFolder): Promise<Map<number, LiveMessage>> {
  const here = (await sides.live()).filter(({ directory }) => directory === folder.directory)
  const byDigest = Map.groupBy(here, ({ digest }) => digest)
  const twins = Map.groupBy(await sides.mergedDigests(folder), ([, digest]) => digest)
  const found = new Map<number, LiveMessage>()
  for (const [digest, all] of twins) {
    const there = byDigest.get(digest) ?? []
    for (const [at, [uid]] of all.toSorted(([a], [b]) => a - b).entries()) {
      const target = there[at]
      if (target !== undefined) found.set(uid, target)
    }
  }
  return found
}
