import t from 'tap'
import { debian } from '../support/debian.ts'
import { FlipsAtWork } from '../support/flips-at-work.ts'

// The short form of test/soak/flips.ts for old servers that are not Dovecot; test/e2e/flip.test.ts tells of those that are.

const PEOPLE = ['anna@old.example']

for (const [source, release] of [
  ['courier', 13],
  ['cyrus', 12],
] as const) {
  t.test(`who works is flipped from a ${source}, and nothing is lost or twice`, async (t) => {
    await using work = await FlipsAtWork.start(source, debian(release), PEOPLE, { slots: 1, deliverMs: 100 })
    await work.carry(t, PEOPLE, async () => {
      for (const person of PEOPLE) await work.must('migration', 'flip', person)
    })
    t.comment(`held for ${work.holds.join(' and ')} ms, ${work.delivered} messages delivered, ${work.steps} steps`)
  })
}

t.end()
