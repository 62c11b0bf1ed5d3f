import t from 'tap'
import { remaining, type Work } from '../../src/model/estimate.ts'
import { SHAPES, simulate } from '../support/simulated-move.ts'

const MOVES = 15

for (const shape of SHAPES) {
  t.test(`${shape}: the range holds the real end, and is narrow after a quarter of the work`, async (t) => {
    const moves = Array.from({ length: MOVES }, (_, seed) => simulate(shape, 1_000 + seed))
    const judged = moves.flatMap((moments) => moments.slice(Math.ceil(moments.length / 20)))
    const hits = judged.filter(({ work, end }) => {
      const range = remaining(work)
      return range !== null && range.least <= end && end <= range.most
    })
    t.ok(hits.length >= 0.9 * judged.length, `in ${hits.length} of ${judged.length} moments`)
    const wide = judged.filter(({ work, share }) => {
      const { least, most } = remaining(work) ?? { least: 0, most: 1 }
      return share >= 0.25 && most > 2.0001 * least
    })
    t.same(wide.length, 0, `of ${judged.length} moments`)
  })
}

const MINUTE = { messages: 600, slots: 2 }
const WORK: Work = {
  uncounted: 0,
  counted: { people: 10, mean: 1_000, deviation: 0, largest: 1_000 },
  left: 6_000,
  done: 4_000,
  running: [],
  minutes: Array.from({ length: 20 }, () => MINUTE),
  ...{ came: 0, expected: 100 },
}

t.test('the middle of the range is what is left by what is copied in a minute', async (t) => {
  const { least, most } = remaining(WORK) ?? { least: 0, most: 0 }
  t.ok(least < 600 && 600 < most, `${least} to ${most} for 600 seconds`)
  const twice = remaining({ ...WORK, left: 0, uncounted: 12 }) ?? { least: 0, most: 0 }
  t.ok(twice.least < 1_200 && 1_200 < twice.most, 'whoever was not counted is as large as the others')
})

t.test('an attempt of much mail goes on at its own pace when all others are through', async (t) => {
  const running = [{ left: 6_000, copied: 600, seconds: 600 }]
  const { least, most } = remaining({ ...WORK, running }) ?? { least: 0, most: 0 }
  t.ok(least < 4_000 && 4_000 < most, `${least} to ${most}`)
})

t.test('while people come, the range ends as if more of them came, and of nobody more than are expected', async (t) => {
  const [quiet, rush, last] = [WORK, { ...WORK, came: 8 }, { ...WORK, came: 8, expected: 1 }].map(remaining)
  t.equal(rush?.least !== undefined && rush.least <= (quiet?.least ?? 0) * 1.6, true)
  t.ok((rush?.most ?? 0) > 2 * (quiet?.most ?? 0))
  t.ok((last?.most ?? 0) < 1.5 * (quiet?.most ?? 0))
})

t.test('nobody knows when nothing was copied lately, and nothing left is no time', async (t) => {
  t.equal(remaining({ ...WORK, minutes: [] }), null)
  t.equal(remaining({ ...WORK, minutes: WORK.minutes.map(() => ({ messages: 0, slots: 2 })) }), null)
  t.same(remaining({ ...WORK, left: 0 }), { least: 0, most: 0 })
})

t.end()
