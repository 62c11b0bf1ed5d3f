import t from 'tap'
import { type CopiedTotal, Totals } from '../../src/copying/totals.ts'

const ONE = { provider: 'old', engine: 'doveadm', messages: 1, bytes: 5 } as const

t.test('what could not be written is written the next time, and nothing twice', async (t) => {
  const written: CopiedTotal[] = []
  let isAway = true
  const totals = new Totals({
    async add(more) {
      if (isAway) throw new Error('the database is away')
      written.push(...more)
    },
  })
  totals.add(ONE)
  totals.add({ ...ONE, bytes: 7 })
  const writing = totals.write()
  totals.add({ ...ONE, engine: 'offlineimap' })
  await writing
  t.same(written, [])
  isAway = false
  await Promise.all([totals.write(), totals.write()])
  t.same(
    written.sort((one, other) => one.bytes - other.bytes),
    [
      { ...ONE, engine: 'offlineimap' },
      { ...ONE, messages: 2, bytes: 12 },
    ],
  )
  await totals.write()
  t.equal(written.length, 2)
})

t.end()
