// The long form of what test/e2e/flip-killed.test.ts tells: people are flipped while mail for them arrives and their mail programs
// work, and whoever takes part is killed at random points of the flip.
// POSTFERRY_SOAK_KILLS: how many by source and Dovecot; POSTFERRY_SOAK_SEED: the first one, as a failed run names it;
// POSTFERRY_SOAK_SOURCE, POSTFERRY_SOAK_DOVECOT: from one source (dovecot, courier, cyrus), to one Dovecot (2.3, 2.4).
import t from 'tap'
import { FlipsAtWork, quantile } from '../support/flips-at-work.ts'
import { type Killed, kill, planned } from '../support/killing.ts'
import { chosenFlips } from '../support/soak-sources.ts'

const { POSTFERRY_SOAK_KILLS = 17, POSTFERRY_SOAK_SEED = Date.now() % 1_000_000 } = process.env
const KILLS = Number(POSTFERRY_SOAK_KILLS)
const SEED = Number(POSTFERRY_SOAK_SEED)
const TOGETHER = 4
const DELIVER_MS = 200
/** By its own clock nobody is held for longer; a database that is away at that moment cannot say so. */
const LIMIT_MS = 20_000
const people = Array.from({ length: KILLS }, (_, at) => `p${at}@old.example`)

t.setTimeout(7_200_000)

for (const { source, debian } of chosenFlips(process.env)) {
  t.test(
    `${KILLS} flips from a ${source} to a Dovecot ${debian.dovecot}, in each of which somebody is killed, from seed ${SEED}`,
    async (t) => {
      await using work = await FlipsAtWork.start(source, debian, people, { slots: TOGETHER, deliverMs: DELIVER_MS })
      const killed: Killed[] = []
      for (let at = 0; at < people.length; at += TOGETHER) {
        const some = people.slice(at, at + TOGETHER)
        await work.carry(t, some, async () => {
          for (const [number, person] of some.entries()) {
            await work.must('migration', 'flip', person)
            const one = await kill(work, person, planned(SEED + at + number))
            if (one === null) continue
            killed.push(one)
            t.comment(
              `seed ${one.seed}: ${one.victim}, ${one.waitMs} ms after ${one.moment.after}: ${one.at}, ${one.downMs} ms`,
            )
          }
        })
      }
      const { gaps, watch } = work
      const down = quantile(
        killed.map(({ downMs }) => downMs),
        1,
      )
      t.comment(`${killed.length} kills, ${work.delivered} messages delivered, ${work.steps} steps of mail programs`)
      t.comment(`${work.againText}; away for ${down} ms at most`)
      for (const [what, all] of Object.entries({ hold: watch.holds, 'longest gap of a person': gaps })) {
        t.comment(
          `${what}: p50 ${quantile(all, 0.5)} ms, p99 ${quantile(all, 0.99)} ms, longest ${quantile(all, 1)} ms`,
        )
      }
      t.ok(
        quantile(watch.holds, 1) < LIMIT_MS + down,
        'nobody is held for longer than the limit and what the killed part was away',
      )
    },
  )
}
