import t from 'tap'
import { explainUnpaired } from '../../src/ledger/explain-unpaired.ts'
import { type DigestedMessage, type Evidence, FolderFindings, pairMessages } from '../../src/ledger/pair-messages.ts'
import type { DestinationMessage, SyncState } from '../../src/ledger/ports.ts'
import { type Difference, noCounts } from '../../src/model/ledger.ts'
import { UidSet } from '../../src/model/uid-set.ts'

const message = (uid: number, digest: string, more: Partial<DigestedMessage> = {}): DigestedMessage => {
  return { uid, digest, size: 100, date: 1000, flags: '', keywords: [], messageId: '', length: 90, ...more }
}
const BARE = { directory: '', date: 1000, flags: '', keywords: [], messageId: '', length: 90, copyOf: null }
const copy = (digest: string, more: Partial<DestinationMessage> = {}): DestinationMessage => {
  return { ...BARE, digest, ...more }
}
const syncState = (flagsOf: Record<number, string>, keywordsOf: Record<number, string[]> = {}): SyncState => {
  const entries = Object.entries(flagsOf).map(([uid, flags]) => [Number(uid), flags] as const)
  const words = new Map(Object.entries(keywordsOf).map(([uid, all]) => [Number(uid), all]))
  return { flagsOf: new Map(entries), keywordsOf: words, lastUid: Math.max(0, ...entries.map(([uid]) => uid)) }
}

const NOTHING = { acceptedUnlisted: 0, flipped: null, syncState: null, onlyKeywords: null }

/**
 * One folder at the source against its directory, with what else is on the destination; each difference as `kind uid`.
 */
function told(
  source: DigestedMessage[],
  destination: DestinationMessage[],
  { elsewhere = [], ...known }: Partial<Evidence> & { elsewhere?: DestinationMessage[] } = {},
) {
  const differences: Difference[] = []
  const none = { ...NOTHING, proved: UidSet.parse(''), accepted: UidSet.parse('') }
  const evidence = { ...none, ...known }
  const findings = new FolderFindings('INBOX', '', evidence, (difference) => differences.push(difference))
  const folder = { findings, unpaired: pairMessages(source, destination, findings) }
  const explained = explainUnpaired([folder], elsewhere, (directory) => directory).get(folder)
  const counted = Object.fromEntries(Object.entries(findings.counts).filter(([, count]) => count > 0))
  const kinds = differences.map(({ kind, uid }) => `${kind} ${uid}`)
  return {
    kinds,
    counted,
    extra: explained?.extra,
    duplicated: folder.unpaired.duplicated,
    found: [...findings.found],
    lost: [...findings.lost],
  }
}

t.test('messages with the same bytes are counted, and exact twins find each other', async (t) => {
  const source = [message(1, 'a', { flags: 'S' }), message(2, 'a', { date: 5 }), message(3, 'a')]
  const destination = [copy('a'), copy('a', { date: 5 }), copy('a', { flags: 'S' }), copy('a'), copy('b')]
  t.same(told(source, destination), { kinds: [], counted: {}, extra: 2, duplicated: 1, found: [1, 2, 3], lost: [] })
  t.same(told(source, destination.slice(1)).kinds, [])
  t.same(told(source, destination.slice(1, 3)).kinds, ['missing 3'])
})

t.test(
  'of messages that the source counts and does not list, as many are accepted as were, and by UID where there is one',
  async (t) => {
    const accepted = { ...NOTHING, proved: UidSet.parse(''), accepted: UidSet.parse('7'), acceptedUnlisted: 1 }
    const findings = new FolderFindings('INBOX', '', accepted, () => undefined)
    for (const uid of [null, null, 7, 8]) findings.addUnlisted({ uid, remark: 'hidden' })
    t.match(findings.counts, { accepted: 2, unreadable: 2 })
    t.match([findings.acceptedUnlisted, [...findings.accepted]], [1, [7]])
  },
)

t.test('a date that the source does not tell is no difference', async (t) => {
  t.same(told([message(1, 'a', { date: Number.NaN })], [copy('a')]).kinds, [])
  t.same(told([message(1, 'a', { date: 1 })], [copy('a')]).kinds, ['date 1'])
})

t.test('what is not there was removed, is waiting, or is missing, as far as is known', async (t) => {
  const source = [message(1, 'a'), message(2, 'b'), message(3, 'c')]
  t.same(told(source, []).kinds, ['missing 1', 'missing 2', 'missing 3'])
  t.same(told(source, [], { syncState: syncState({}) }).kinds, ['waiting 1', 'waiting 2', 'waiting 3'])
  t.same(told(source, [], { syncState: syncState({ 2: '' }) }).kinds, ['missing 1', 'lost 2', 'waiting 3'])
  t.same(told(source, [], { proved: UidSet.parse('1:2') }).kinds, ['removed 1', 'removed 2', 'missing 3'])
  const both = { syncState: syncState({ 1: '', 2: '', 3: '' }), proved: UidSet.parse('1') }
  t.same(
    told(source, [], both).kinds,
    ['removed 1', 'lost 2', 'lost 3'],
    'only a ledger has seen a message on the destination',
  )
  t.same(told(source, [], { ...both, accepted: UidSet.parse('2') }), {
    ...told([], []),
    kinds: ['removed 1', 'accepted 2', 'lost 3'],
    counted: { removed: 1, accepted: 1, lost: 1 },
    lost: [3],
  })
  t.same(told(source, [], { accepted: UidSet.parse('1:3') }).counted, { accepted: 3 })
})

t.test('keywords are compared in any case; what a person changed here, and what has no room here, is told', (t) => {
  const source = [message(1, 'a', { keywords: ['$Forwarded', 'work'] })]
  const kinds = (keywords: string[], known: Partial<Evidence> = {}) =>
    told(source, [copy('a', { keywords })], known).kinds
  t.same(kinds(['$forwarded', 'Work']), [])
  t.same(kinds([]), ['keywords 1'])
  t.same(kinds(['$Forwarded', 'work', 'own']), ['keywords 1'])
  t.same(kinds(['work'], { syncState: syncState({ 1: '' }, { 1: ['$Forwarded', 'work'] }) }), ['reflagged 1'])
  t.same(
    kinds(['work'], { syncState: syncState({ 1: '' }, { 1: ['work'] }) }),
    ['keywords 1'],
    'the source has more now',
  )
  t.same(kinds(['work'], { onlyKeywords: new Set(['work', 'other']) }), ['unkept 1'])
  t.same(kinds([], { onlyKeywords: new Set(['work', 'other']) }), ['unkept 1', 'keywords 1'])
  t.same(kinds([], { accepted: UidSet.parse('1') }), ['accepted 1'])
  t.same(told([message(1, 'a')], [copy('a', { keywords: ['own'] })]).kinds, ['reflagged 1'])
  t.end()
})

t.test('exact twins have the same keywords', (t) => {
  const source = [message(1, 'a'), message(2, 'a', { keywords: ['work'] })]
  t.same(told(source, [copy('a', { keywords: ['work'] }), copy('a')]).kinds, [])
  t.end()
})

t.test('a subscription that is missing is a fault, unless it was here or is accepted', (t) => {
  const kinds = (isKept: boolean, accepted = '') => {
    const evidence = { ...NOTHING, proved: UidSet.parse(''), accepted: UidSet.parse(accepted) }
    const differences: Difference[] = []
    const findings = new FolderFindings('INBOX', '', evidence, (difference) => differences.push(difference))
    findings.addSubscription(isKept)
    return [differences[0]?.kind, `${UidSet.of(findings.accepted)}`]
  }
  t.same(kinds(false), ['subscription', ''])
  t.same(kinds(true), ['unsubscribed', ''])
  t.same(kinds(false, '0'), ['unsubscribed', '0'])
  t.end()
})

t.test('flags that were set on the destination are told from flags that did not arrive', async (t) => {
  const [source, destination] = [[message(1, 'a', { flags: 'S' })], [copy('a', { flags: 'F' })]]
  t.same(told(source, destination).kinds, ['flags 1'])
  t.same(told(source, destination, { proved: UidSet.parse('1') }).kinds, ['reflagged 1'])
  t.same(told(source, destination, { syncState: syncState({ 1: 'S' }) }).kinds, ['reflagged 1'])
  t.same(told(source, destination, { syncState: syncState({ 1: 'F' }), proved: UidSet.parse('1') }).kinds, ['flags 1'])
})

t.test('an altered message is known by its name, its Message-ID, or its date and length', async (t) => {
  const one = message(7, 'a', { messageId: '<x>' })
  const known = { syncState: syncState({ 1: '', 2: '', 3: '', 7: '' }) }
  const named = [copy('z', { copyOf: 7, date: 9, length: 1 })]
  t.same(told([one], named, known).kinds, ['altered 7'])
  t.same(told([one], named).kinds, ['missing 7'], 'a name from a folder that is no more means nothing')
  t.same(told([one], [copy('z', { messageId: '<x>', date: 9, length: 1 })]).kinds, ['altered 7'])
  t.same(told([one], [copy('z', { length: 91 })]).kinds, ['altered 7'])
  t.same(told([one], [copy('z', { length: 200 })]).kinds, ['missing 7'])
  t.same(told([message(1, 'a')], [copy('z', { date: 9 })]).kinds, ['missing 1'], 'two without Message-ID are not one')
  const both = told(
    [message(1, 'a', { messageId: '<x>' }), message(2, 'b')],
    [copy('z', { messageId: '<x>', copyOf: 2 })],
    known,
  )
  t.same(both.kinds, ['altered 2', 'lost 1'], 'the surest sign counts')
})

t.test('the copy of one message is never taken for another one altered, however alike they are', async (t) => {
  const removed = message(2, 'a', { messageId: '<x>' })
  const left = [copy('z', { copyOf: 5, messageId: '<x>' })]
  const known = { syncState: syncState({ 2: '', 5: '' }) }
  t.match(told([removed], left, known), { kinds: ['lost 2'], extra: 1 })
  t.same(told([removed], left).kinds, ['altered 2'], 'without sync state its name tells nothing')
})

t.test('a message elsewhere on the destination has moved, each copy for one message', async (t) => {
  const source = [message(1, 'a'), message(2, 'a'), message(3, 'b')]
  const elsewhere = [copy('a', { directory: '.x' }), copy('c', { directory: '.x' })]
  const { kinds, counted, found } = told(source, [copy('z')], { elsewhere })
  t.same(kinds, ['moved 1', 'altered 2', 'missing 3'])
  t.same(counted, { moved: 1, altered: 1, missing: 1 })
  t.same(found, [1])
})

t.test('ten thousand messages without a counterpart are explained in no time', async (t) => {
  const source = Array.from({ length: 10_000 }, (_, at) => message(at + 1, `o${at}`, { messageId: `<${at}>` }))
  const destination = source.map(({ uid }) => copy(`n${uid}`, { messageId: `<new${uid}>`, length: 1 }))
  t.same(told(source, destination).counted, { missing: 10_000 })
  t.same(Object.keys(noCounts()).length, 15)
})
