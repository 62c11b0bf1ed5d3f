import fc from 'fast-check'
import t from 'tap'
import { UidSet } from '../../src/model/uid-set.ts'

t.test('a set of UIDs holds what belongs, and says so after it was written and read', async () => {
  const uids = fc.uniqueArray(fc.integer({ min: 1, max: 300 })).map((all) => all.sort((a, b) => a - b))
  fc.assert(
    fc.property(uids, fc.func(fc.boolean()), (existing, belongs) => {
      const read = UidSet.parse(`${UidSet.among(existing, belongs)}`)
      return existing.every((uid) => read.has(uid) === belongs(uid))
    }),
  )
})

t.test('the text of a set is as short as the mailbox allows', async (t) => {
  const all = Array.from({ length: 100_000 }, (_, at) => at * 3 + 1)
  t.equal(`${UidSet.among(all, () => true)}`, '1:299998')
  t.equal(`${UidSet.among(all, (uid) => uid !== 31 && uid < 50)}`, '1:28,34:49')
  t.equal(`${UidSet.among([7], () => true)}`, '7')
  t.equal(`${UidSet.among(all, () => false)}`, '')
  t.notOk(UidSet.parse('').has(1))
})
