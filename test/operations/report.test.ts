import t from 'tap'
import { burnDownOf, type DayChange, type Reports, reportOn } from '../../src/operations/report.ts'

const NOW = new Date('2026-11-23T12:00:00Z')
const CHANGES: DayChange[] = [
  { day: '2026-11-20', state: 'awaited', change: 10 },
  { day: '2026-11-21', state: 'awaited', change: -4 },
  { day: '2026-11-21', state: 'pending', change: 4 },
  { day: '2026-11-23', state: 'pending', change: -3 },
  { day: '2026-11-23', state: 'synced', change: 3 },
]

/** Records that hold these changes, and say that so many came across lately. */
function recorded(changes: DayChange[], crossed: number) {
  const asked: Date[] = []
  const reports: Reports = {
    erased: async () => [],
    expiring: async () => ({ people: 0, at: null, addresses: [] }),
    people: async () => [],
    failures: async () => [],
    days: async () => changes,
    async crossedSince(_, time) {
      asked.push(time)
      return crossed
    },
  }
  return { reports, asked }
}
const made = (changes: DayChange[], crossed: number) => reportOn({}, NOW, deps(recorded(changes, crossed).reports))
const deps = (reports: Reports) => ({
  ...{ reports, copying: { migrationIds: async () => [] }, copyingHosts: { stranded: async () => [] } },
  collisions: { wanted: async () => [] },
})

t.test('the burn-down has every day, also those on which nothing happened', async (t) => {
  t.match(burnDownOf(CHANGES, NOW), [
    { day: '2026-11-20', remaining: 10, awaited: 10, pending: 0, synced: 0 },
    { day: '2026-11-21', remaining: 10, awaited: 6, pending: 4, synced: 0 },
    { day: '2026-11-22', remaining: 10, awaited: 6, pending: 4, synced: 0 },
    { day: '2026-11-23', remaining: 7, awaited: 6, pending: 1, synced: 3 },
  ])
  t.same(burnDownOf([], NOW), [])
})

t.test('the end is estimated from the days there were, a week of them at most', async (t) => {
  t.match(await made(CHANGES, 4), { remaining: 7, perDay: 1, estimatedEnd: new Date('2026-11-30T12:00:00Z') })
  const long = [{ day: '2026-01-01', state: 'awaited', change: 14 } as const]
  t.match(await made(long, 7), { remaining: 14, perDay: 1, estimatedEnd: new Date('2026-12-07T12:00:00Z') })
  const { reports, asked } = recorded(long, 7)
  await reportOn({}, NOW, deps(reports))
  t.same(asked, [new Date('2026-11-16T12:00:00Z')])
})

t.test('no end is estimated when nobody came lately, nobody remains, or nobody is there', async (t) => {
  t.match(await made(CHANGES, 0), { remaining: 7, perDay: 0, estimatedEnd: null })
  t.match(await made([{ day: '2026-11-23', state: 'done', change: 2 }], 2), { remaining: 0, estimatedEnd: null })
  t.match(await made([], 0), { remaining: 0, perDay: 0, estimatedEnd: null, burnDown: [] })
})
