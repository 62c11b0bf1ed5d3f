// Many people are flipped while mail for them arrives and their mail programs work; test/e2e/flip-at-work.test.ts is the short form.
// POSTFERRY_SOAK_FLIPS: how many by source and Dovecot; POSTFERRY_SOAK_TOGETHER: how many at a time; POSTFERRY_SOAK_SOURCE,
// POSTFERRY_SOAK_DOVECOT: from one source (dovecot, courier, cyrus), to one Dovecot (2.3, 2.4).
import t from 'tap'
import { FlipsAtWork, quantile } from '../support/flips-at-work.ts'
import { chosenFlips } from '../support/soak-sources.ts'

const { POSTFERRY_SOAK_FLIPS = 34, POSTFERRY_SOAK_TOGETHER = 2 } = process.env
const FLIPS = Number(POSTFERRY_SOAK_FLIPS)
/** At a time. */
const FILTERED = Math.min(FLIPS, 4)
const TOGETHER = Number(POSTFERRY_SOAK_TOGETHER)
const DELIVER_MS = 50
const LIMIT_MS = 20_000
const people = Array.from({ length: FLIPS }, (_, at) => `p${at}@old.example`)

t.setTimeout(7_200_000)

for (const { source, debian } of chosenFlips(process.env)) {
  if (source === 'dovecot')
    t.test(`${FILTERED} people from a ${source} take their filters to a Dovecot ${debian.dovecot}`, async (t) => {
      const pace = { slots: TOGETHER, deliverMs: DELIVER_MS }
      const some = people.slice(0, FILTERED)
      await using work = await FlipsAtWork.startFiltered(debian, some, pace)
      await work.carry(t, some, async () => {
        for (const person of some) await work.must('migration', 'flip', person)
      })
      t.comment(`held for ${work.holds.join(', ')} ms, ${work.delivered} messages delivered, ${work.steps} steps`)
    })
  t.test(`${FLIPS} flips from a ${source} to a Dovecot ${debian.dovecot}, and nobody notices`, async (t) => {
    await using work = await FlipsAtWork.start(source, debian, people, { slots: TOGETHER, deliverMs: DELIVER_MS })
    for (let at = 0; at < people.length; at += TOGETHER) {
      const some = people.slice(at, at + TOGETHER)
      await work.carry(t, some, async () => {
        for (const person of some) await work.must('migration', 'flip', person)
      })
      const [held, gaps] = [work.holds, work.gaps].map((all) => all.slice(-some.length).join(' and '))
      t.comment(`${at + some.length} flips: held for ${held} ms, longest gaps ${gaps} ms`)
    }
    const { gaps, holds } = work
    const worked = `${work.delivered} messages delivered, every ${DELIVER_MS} ms at most; ${work.steps} steps of mail programs`
    t.comment(`${TOGETHER} at a time; ${worked}; ${work.againText}`)
    for (const [what, all] of Object.entries({ hold: holds, 'longest gap of a person': gaps })) {
      t.comment(`${what}: p50 ${quantile(all, 0.5)} ms, p99 ${quantile(all, 0.99)} ms, longest ${quantile(all, 1)} ms`)
    }
    t.ok(quantile(work.watch.holds, 1) < LIMIT_MS, 'nobody is held for longer than the limit')
  })
}
