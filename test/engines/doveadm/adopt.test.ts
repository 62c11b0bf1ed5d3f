import t from 'tap'
import { alreadyThere, type Candidate, type Present } from '../../../src/engines/doveadm/adopt.ts'

const candidate = (uid: number, digest: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ directory: '', uidValidity: 1, uid, digest },
  ...more,
})
const present = (digest: string, directory = '', uid = 1): Present => ({ digest, directory, uid })
const uids = (found: Set<Candidate>) => [...found].map(({ uid }) => uid).sort()

t.test('what is here already is found wherever it is, once for each', async (t) => {
  const all = [candidate(1, 'a'), candidate(2, 'a'), candidate(3, 'b')]
  t.same(uids(alreadyThere(all, [present('a', '.Kept')], [])), [1])
  t.same(uids(alreadyThere(all, [present('a'), present('a', '.Kept'), present('b')], [])), [1, 2, 3])
  t.same(uids(alreadyThere(all, [], [])), [])
})

t.test('what was merged before has the first claim: a second one of a kind is copied', async (t) => {
  t.same(uids(alreadyThere([candidate(2, 'a')], [present('a')], ['a'])), [])
  t.same(uids(alreadyThere([candidate(2, 'a')], [present('a'), present('a')], ['a'])), [2])
})

t.test('what a copy has brought that was cut off is found, though its merged twin was removed here', async (t) => {
  const landing = candidate(2, 'a', { uidNext: 8 })
  t.same(uids(alreadyThere([landing], [present('a', '', 8)], ['a'])), [2])
  t.same(uids(alreadyThere([landing], [present('a', '', 7)], ['a'])), [], 'that one was here before')
  t.same(uids(alreadyThere([landing], [present('a', '.Kept', 9)], [])), [2], 'moved meanwhile')
})

t.end()
