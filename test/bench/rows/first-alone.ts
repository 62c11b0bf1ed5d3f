import { askOverHttp, startFerry } from '../ferry.ts'
import { type Load, startLoad } from '../load.ts'
import type { Row } from '../row.ts'
import { timeLine } from '../table.ts'
import { type Comparison, comparisonOf, quantile } from '../turns.ts'

const WARM_UP = 20
const PER_ROUND = 40

export const firstAlone: Row = {
  name: 'first-alone',
  about: 'one first sign-in after the other, against login + hash + commit',
  async measure({ rounds }) {
    const people = 2 * (WARM_UP + rounds * PER_ROUND)
    await using ferry = await startFerry({ people })
    const { old, serving } = ferry
    const raw = { people: ferry.people, port: old.tlsPort, ca: old.ca, dataDir: serving.dataDir }
    using ours = await startLoad(askOverHttp(ferry, 1))
    using theirs = await startLoad({ kind: 'raw-sign-in', lanes: 1, ...raw })
    await asked(0, WARM_UP, ours, theirs)
    const all = []
    for (let from = 2 * WARM_UP; from < people; from += 2 * PER_ROUND)
      all.push(await asked(from, PER_ROUND, ours, theirs))
    const against = 'TLS login + hash + commit'
    return [
      timeLine('first sign-in, p50', against, compared(all, 0.5), 1.25),
      timeLine('first sign-in, p95', against, compared(all, 0.95), 1.5),
    ]
  },
}

type Times = Record<'ours' | 'theirs', number[]>

/** Twice as many people, one after the other, from one number on: each in turn by us and by the reference. */
async function asked(from: number, count: number, ours: Load, theirs: Load): Promise<Times> {
  const times: Times = { ours: [], theirs: [] }
  for (let person = from; person < from + 2 * count; person += 2) {
    times.ours.push(...(await ours.each(person, person + 1)).times)
    times.theirs.push(...(await theirs.each(person + 1, person + 2)).times)
  }
  return times
}

/** The quantile of each round's times. */
function compared(all: readonly Times[], share: number): Comparison {
  return comparisonOf(
    all.map(({ ours, theirs }) => ({ ours: quantile(ours, share), reference: quantile(theirs, share) })),
  )
}
