import t from 'tap'
import { Pace } from '../../../src/cli/terminal/pace.ts'

/** Notes what was done by each second. @param all how much there is; missing: nobody knows */
function paced(dones: readonly number[], all?: number): string[] {
  let now = 0
  const pace = new Pace(() => now)
  for (const done of dones) {
    now += 1_000
    pace.note(done, all === undefined ? undefined : done / all)
  }
  return pace.words()
}

t.test('part, rate and time left are told, as far as they are known', async (t) => {
  t.same(paced([100, 200, 300]), ['100/s'])
  t.same(paced([100, 200, 300], 1_000), ['30 %', '100/s', '7 s left'])
  t.same(paced([]), [])
})

t.test('what is left takes as long as it took lately, and not as at the beginning', async (t) => {
  const slow = Array.from({ length: 60 }, (_, second) => 1_000 + 10 * second)
  const [, rate, left] = paced([500, 1_000, ...slow], 2_590)
  t.same([rate, left], ['10/s', '100 s left'.replace('100 s', '2 min')])
})

t.test('where nothing is done no end is told', async (t) => {
  t.same(paced([0, 0, 0], 1_000), ['0 %', '0/s'])
})
