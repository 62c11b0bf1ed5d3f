import t, { type Test } from 'tap'
import type { FlippedRecord } from '../../../src/engines/doveadm/flipped.ts'
import type { MergeFolder } from '../../../src/engines/doveadm/folders.ts'
import { noteReturned } from '../../../src/engines/doveadm/returned.ts'
import type { Sides } from '../../../src/engines/doveadm/sides.ts'

/** A folder of the source by now. */
interface Given {
  /** Flags by UID. */
  readonly there: Record<number, readonly string[]>
  /** Digests by UID. */
  readonly digests?: Record<number, string>
  /** Letters by UID, as they were merged last. */
  readonly merged?: Record<number, string>
  /** Its record: UIDs that were there when it was left; flags that a return was about to set; digests of what it has brought. */
  readonly left?: readonly number[]
  /** And the flags that it has noted there. */
  readonly leftMarked?: Record<number, string>
  readonly aimed?: Record<number, string>
  readonly brought?: Record<number, string>
}

const numbered = <V>(all: Record<number, V> = {}) =>
  new Map(Object.entries(all).map(([uid, one]) => [Number(uid), one]))

/** The UIDs that are noted as merged. */
async function notedIn(given: Given): Promise<number[]> {
  const folder = {
    ...{ mailbox: { name: 'Archive', separator: '/', prefix: '' }, directory: '.Archive', uidValidity: 9 },
    ...{ name: 'Archive', from: 'Archive', messages: numbered(given.there) },
  } as MergeFolder
  const noted: number[] = []
  const digests = numbered(given.digests)
  const sides = {
    known: () => numbered(given.merged),
    note: (_: MergeFolder, uids: readonly number[]) => void noted.push(...uids),
    content: {
      read: async (_: MergeFolder, uids: readonly number[]) =>
        new Map(uids.flatMap((uid) => (digests.has(uid) ? [[uid, digests.get(uid)]] : [])) as [number, string][]),
    },
    deps: { merged: { keywords: () => new Map() } },
  } as unknown as Sides
  const messages = numbered({ ...Object.fromEntries((given.left ?? []).map((uid) => [uid, ''])), ...given.leftMarked })
  const aimed = new Map([...numbered(given.aimed)].map(([uid, flags]) => [uid, { flags, size: 1 }]))
  const record = {
    known: new Map([['Archive', { uidValidity: 9, here: 9, uidNext: 9, modseq: null, messages }]]),
    aims: new Map([['Archive', { here: 9, messages: aimed }]]),
    brought: (name: string, uidValidity: number) =>
      new Map(
        name === 'Archive' && uidValidity === 9
          ? [...numbered(given.brought)].map(([uid, digest]) => [uid, { digest, date: 0 }])
          : [],
      ),
  } as unknown as FlippedRecord
  await noteReturned(sides, [folder], record)
  return noted
}

t.test('what a return has brought is merged: it came from here', async (t: Test) => {
  t.same(await notedIn({ there: { 1: [], 2: [] }, digests: { 1: 'a', 2: 'b' }, brought: { 1: 'a' } }), [1])
})

t.test('and another message under its number is not', async (t: Test) => {
  t.same(await notedIn({ there: { 1: [] }, digests: { 1: 'b' }, brought: { 1: 'a' } }), [])
  t.same(await notedIn({ there: { 1: [] }, brought: { 1: 'a' } }), [], 'nor what cannot be read')
})

t.test('what the return before has proved is merged, too', async (t: Test) => {
  t.same(await notedIn({ there: { 1: [], 2: [] }, left: [1], digests: { 2: 'b' } }), [1])
})

t.test('marks that a return has set are no news of the source', async (t: Test) => {
  const there = { 1: ['\\Seen'], 2: ['\\Flagged'], 3: ['\\Seen'] }
  const merged = { 1: '', 2: '', 3: 'S' }
  t.same(await notedIn({ there, merged, aimed: { 1: '\\Seen', 2: '', 3: '\\Seen' } }), [1])
})

t.test('nor are those that a return had proved: what the person does here since wins', async (t: Test) => {
  const there = { 1: ['\\Seen'], 2: ['\\Seen'] }
  t.same(await notedIn({ there, merged: { 1: '', 2: '' }, leftMarked: { 1: '\\Seen', 2: '' } }), [1])
})

t.end()
