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

/** Records that hold these changes. */
function recorded(changes: DayChange[]): Reports {
  return {
    erased: async () => [],
    expiring: async () => ({ people: 0, at: null, addresses: [] }),
    people: async () => [],
    failures: async () => [],
    days: async () => changes,
  }
}
const made = (changes: DayChange[]) =>
  reportOn({}, NOW, {
    ...{ reports: recorded(changes), copying: { migrationIds: async () => [] } },
    ...{ copyingHosts: { stranded: async () => [] }, collisions: { wanted: async () => [] } },
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

t.test('who remains is whoever is neither synced nor done today', async (t) => {
  t.match(await made(CHANGES), { remaining: 7 })
  t.match(await made([{ day: '2026-11-23', state: 'done', change: 2 }]), { remaining: 0 })
  t.match(await made([]), { remaining: 0, burnDown: [] })
})
