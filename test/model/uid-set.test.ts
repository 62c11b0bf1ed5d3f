import fc from 'fast-check'
import t from 'tap'
import { UidSet } from '../../src/model/uid-set.ts'

t.test('a set of UIDs holds them and no others, and says so after it was written and read', async (t) => {
  const uids = fc.uniqueArray(fc.integer({ min: 1, max: 300 })).map((all) => all.sort((a, b) => a - b))
  fc.assert(
    fc.property(uids, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 20 }), (all, first, more) => {
      const read = UidSet.parse(`${UidSet.of(all)}`)
      t.strictSame([...read], all)
      for (let uid = 0; uid <= 301; uid++) if (read.has(uid) !== all.includes(uid)) return false
      return read.reaches(first, first + more) === all.some((uid) => uid >= first && uid <= first + more)
    }),
  )
})

t.test('the text of a set names nothing that is not in it', async (t) => {
  t.equal(`${UidSet.of([1, 2, 3, 7, 9, 10])}`, '1:3,7,9:10')
  t.equal(`${UidSet.of([])}`, '')
  t.notOk(UidSet.parse('').has(1))
})
