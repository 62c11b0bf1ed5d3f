import t from 'tap'
import {
  changeAt,
  type Here,
  type Known,
  NO_FOLDER,
  PLACEHOLDER,
  planReturn,
  renamedTo,
} from '../../../src/engines/doveadm/return-plan.ts'

const messages = (...uids: number[]) => new Map(uids.map((uid) => [uid, '\\Seen']))
const known = (uidValidity: number, uidNext: number, ...uids: number[]): Known => ({
  ...{ uidValidity, here: uidValidity, uidNext, modseq: '7', messages: messages(...uids) },
})
const here = (uidValidity: number, uidNext: number, ...uids: number[]): Here => ({
  ...{ uidValidity, uidNext, messages: messages(...uids) },
})
const listed = (uidValidity: number, sizes: Record<number, number>, flags = '\\Seen') => ({
  uidValidity,
  messages: new Map(Object.entries(sizes).map(([uid, size]) => [Number(uid), { size, flags }])),
})
const aim = (sizes: Record<number, number>, flags = '\\Seen') => ({
  here: 1,
  messages: listed(1, sizes, flags).messages,
})

function plan(source: Record<string, Known>, destination: Record<string, Here>) {
  return planReturn({
    known: new Map(Object.entries(source).map(([title, folder]) => [`INBOX.${title}`, folder])),
    names: new Map(Object.keys(source).map((title) => [title, `INBOX.${title}`])),
    here: new Map(Object.entries(destination)),
    nameOf: (title) => `INBOX.${title.replaceAll('/', '.')}`,
  })
}

t.test('what is the same needs nothing', async (t) => {
  const { names, known: _, ...steps } = plan({ A: known(1, 4, 1, 3) }, { A: here(1, 4, 1, 3) })
  t.same(steps, { renames: [], remake: [], creates: [], removes: [], folders: [], former: [], above: [] })
  t.same([...names], [['A', 'INBOX.A']])
})

t.test('messages come, go and are marked', async (t) => {
  const changed = here(1, 9, 1, 5, 7)
  const marked = new Map(changed.messages).set(1, '\\Flagged kw')
  const { folders } = plan({ A: known(1, 4, 1, 3) }, { A: { ...changed, messages: marked } })
  const flags = new Map([['\\Flagged kw', [1]]])
  t.same(folders, [{ name: 'INBOX.A', title: 'A', append: [5, 7], uidNext: 9, flags, expunge: [3] }])
})

t.test('a number that nothing has any more is used up there, too', async (t) => {
  const { folders } = plan({ A: known(1, 4, 1) }, { A: here(1, 6, 1) })
  t.match(folders, [{ append: [], expunge: [], uidNext: 6 }])
})

t.test('folders are made, removed, and renamed with what is below them', async (t) => {
  const source = { A: known(1, 2, 1), 'A/B': known(2, 2, 1), Gone: known(3, 1), 'Gone/Too': known(4, 1) }
  const { renames, creates, removes, folders, former } = plan(
    { ...source, 'A/B': known(2, 2, 1) },
    { C: here(1, 2, 1), 'C/B': here(2, 3, 1, 2), New: here(9, 2, 1), 'New/Below': here(10, 1) },
  )
  t.same(renames, [{ from: 'INBOX.A', to: 'INBOX.C' }])
  t.same(creates, ['INBOX.New', 'INBOX.New.Below'])
  t.same(removes, ['INBOX.Gone/Too', 'INBOX.Gone'])
  t.same(former, ['INBOX.A', 'INBOX.A/B', 'INBOX.Gone', 'INBOX.Gone/Too'], 'these names nothing has then')
  t.match(folders, [
    { name: 'INBOX.C/B', append: [2] },
    { name: 'INBOX.New', append: [1] },
  ])
})

t.test('of folders that were made in one second, the one on the same level was renamed', async (t) => {
  const source = { 'A/B': known(1, 3, 1, 2), A: known(1, 2, 1), C: known(1, 9) }
  const { renames } = plan(source, { D: here(1, 2, 1), 'D/B': here(1, 3, 1, 2), C: here(1, 9) })
  t.same(renames, [{ from: 'INBOX.A', to: 'INBOX.D' }])
  const unclear = plan({ A: known(1, 2, 1), B: known(1, 2, 1) }, { C: here(1, 2, 1) })
  t.same([unclear.renames, unclear.creates], [[], ['INBOX.C']])
})

t.test('a folder that was removed here and made again is made again there', async (t) => {
  const { remake, folders } = plan({ A: known(1, 5, 1, 4) }, { A: here(2, 2, 1) })
  t.same(remake, ['INBOX.A'])
  t.match(folders, [{ append: [1], expunge: [] }])
})

t.test('a parent that only has a name there is left so', async (t) => {
  const { creates } = plan({ 'A/B': known(1, 1) }, { A: here(5, 1), 'A/B': here(1, 1) })
  t.same(creates, [])
})

t.test('a parent that is only a name here may become a folder there, and stays one', async (t) => {
  const destination = { 'A/B/C': here(5, 1), 'D/E': here(2, 1), F: here(3, 1) }
  const source = { 'D/E': known(2, 1), 'F/G': known(3, 1) }
  const { creates, above } = plan(source, destination)
  t.same(creates, ['INBOX.A.B.C'])
  t.same(above, ['INBOX.A', 'INBOX.A.B'], 'not above what is there already')
  const made = { ...known(8, 1), here: NO_FOLDER }
  const then = { ...source, A: made, 'A/B': made, 'A/B/C': { ...known(9, 1), here: 5 } }
  t.match(plan(then, destination), { creates: [], removes: [], folders: [], former: ['INBOX.F/G'] })
  const { 'A/B/C': _, ...removed } = destination
  t.same(plan(then, removed).removes, ['INBOX.A/B/C', 'INBOX.A/B', 'INBOX.A'], 'with the last one below them they go')
  const filled = { ...then, A: { ...made, messages: messages(1) } }
  t.same(plan(filled, destination).removes, ['INBOX.A'], 'none with a message is taken for one of those')
  t.same(plan({ A: known(8, 1) }, { 'A/B': here(5, 1) }).removes, ['INBOX.A'], 'nor one that was a folder at the flip')
})

t.test('a rename may make a parent a folder there, too', async (t) => {
  t.match(plan({ A: known(1, 2, 1) }, { 'B/A': here(1, 2, 1) }), {
    ...{ renames: [{ from: 'INBOX.A', to: 'INBOX.B.A' }], above: ['INBOX.B'] },
  })
})

t.test('what cannot be made the same is refused', async (t) => {
  t.throws(() => plan({ INBOX: known(1, 4) }, { INBOX: here(2, 1) }), /INBOX: it was made anew here/)
  t.throws(() => plan({ INBOX: known(1, 4) }, {}), /INBOX: it is not here/)
  t.throws(() => plan({ A: known(1, 8, 1) }, { A: here(1, 4, 1) }), /has given more numbers/)
  t.throws(() => plan({ A: known(1, 8, 1) }, { A: here(1, 9, 1, 5) }), /a number is taken/)
})

t.test('what has changed at the source is named', async (t) => {
  const before = known(1, 4, 1, 3)
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9 }), undefined), null)
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9, 4: 9 }), undefined), '1 message is new')
  t.equal(changeAt(before, listed(1, {}), undefined), '2 messages are gone')
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9 }, ''), undefined), '2 messages are marked otherwise')
  t.equal(changeAt(before, listed(2, { 1: 9, 3: 9 }), undefined), 'it was made anew')
  t.equal(changeAt(known(1, 1), listed(2, {}), undefined), null, 'nothing was in it, and nothing is')
  t.equal(changeAt(known(1, 1), listed(2, { 1: 9 }), undefined), 'it was made anew')
  t.equal(changeAt(before, undefined, undefined), 'it is gone')
  t.equal(changeAt(undefined, listed(1, {}), undefined), 'it is new')
})

t.test('what an earlier return has written is no change, and everything else is', async (t) => {
  const before = known(1, 4, 1, 3)
  const aimed = aim({ 3: 9, 4: 20, 5: 30 }, '\\Flagged')
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9 }), aimed), null, 'nothing of it is there yet')
  t.equal(changeAt(before, listed(1, { 3: 9, 4: 20 }, '\\Flagged'), aimed), null, 'some is')
  const gap = aim({ 3: 9, 5: 30 }, '\\Flagged')
  const filled = listed(1, { 1: 9, 3: 9, 4: PLACEHOLDER.length })
  t.equal(changeAt(before, filled, gap), null, 'a placeholder is')
  t.equal(changeAt(before, filled, aimed), '1 message is new', 'where a message was to come none is')
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9, 4: 21 }), aimed), '1 message is new', 'it is another')
  t.equal(changeAt(before, listed(1, { 1: 9 }), aimed), '1 message is gone', 'it was to stay')
  t.equal(changeAt(undefined, listed(8, { 4: 20 }), aimed), null, 'a folder that was made')
  t.equal(changeAt(before, undefined, undefined), 'it is gone')
})

t.test('a folder that an earlier return has removed, or was about to, is no change', async (t) => {
  const [before, aimed] = [known(1, 4, 1, 3), { here: 1, messages: new Map() }]
  t.equal(changeAt(before, undefined, aimed), null)
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9 }), aimed), null)
  t.equal(changeAt(before, listed(1, { 1: 9, 3: 9, 4: 9 }), aimed), '1 message is new', 'it came meanwhile')
})

t.test('a folder that an earlier return has renamed is known by what it was', async (t) => {
  const was = new Map([
    ['A', known(1, 4, 1, 3)],
    ['B', known(1, 2, 1)],
  ])
  // One message was to be removed after the rename, and another one to come.
  const aims = new Map([
    ['A', { here: 1, messages: new Map() }],
    ['C', aim({ 3: 9, 4: 20 })],
  ])
  const now = listed(1, { 1: 9, 3: 9 })
  t.equal(changeAt(undefined, now, aims.get('C')), '1 message is new')
  const renamed = renamedTo('C', { known: was, aims, listed: new Map([['C', now]]) })
  t.same(renamed, was.get('A'))
  t.equal(changeAt(renamed, now, aims.get('C')), null)
  const both = new Map([
    ['A', now],
    ['C', now],
  ])
  t.equal(renamedTo('C', { known: was, aims, listed: both }), undefined, 'A is there still: C is nobody knows what')
  t.equal(
    renamedTo('C', { known: was, aims, listed: new Map([['C', listed(9, {})]]) }),
    undefined,
    'numbered otherwise',
  )
})

t.end()
