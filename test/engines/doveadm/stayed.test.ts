import t from 'tap'
import { withStayed } from '../../../src/engines/doveadm/stayed.ts'

const RESULT = { outcome: 'complete', folders: 1, messages: 1 } as const
const SOURCE = { mailboxes: [], subscribed: new Set<string>(), foreign: [] }

const told = (names: readonly string[], isListEmpty = false, output = '') => {
  const foreign = names.map((name) => ({ name, separator: '.', prefix: '' }))
  return withStayed({ ...RESULT, output }, { ...SOURCE, foreign, isListEmpty }).output
}

t.test('whose folders are all copied is told nothing more', async (t) => {
  t.equal(told([]), '')
  t.equal(told([], false, 'before'), 'before')
})

t.test('shared folders are named as people read them, the first of many', async (t) => {
  t.equal(told(['user.bj&APY-rn'], false, 'before'), "before\nnot copied, as shared or other people's: user.björn")
  t.match(told(['a', 'b', 'c', 'd', 'e']), /: a, b, c and 2 more$/)
})

t.test('a source that lists nothing may have more than what was found', async (t) => {
  t.match(told([], true), /^the old server lists no folder of this person: .* a folder with another name stays there$/)
})

t.end()
