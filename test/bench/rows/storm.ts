import { askOverHttp, type Ferry, startFerry } from '../ferry.ts'
import { isLater } from '../lanes/lane.ts'
import { startLoad } from '../load.ts'
import type { LoadResult } from '../load-process.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'

const CONNECTIONS_EACH = 5
const PEOPLE_AT_A_TIME = 1_000
const MOST_MB = 250

export const storm: Row = {
  name: 'storm',
  about: 'first sign-ins of many people with 5 connections each: questions to the source, refusals, memory',
  async measure({ people }) {
    // The source counts its logins in its debug log.
    await using ferry = await startFerry({ people, maxConnections: 20, old: 'auth_debug = yes\n' })
    using load = await startLoad({
      ...askOverHttp(ferry, PEOPLE_AT_A_TIME * CONNECTIONS_EACH),
      fresh: true,
      retries: true,
      atOnce: CONNECTIONS_EACH,
    })
    const result = await load.each(0, people)
    return linesOf(result, await ferry.old.loginCount(), ferry)
  },
}

function linesOf({ outcomes, answers, elapsed }: LoadResult, logins: number, { people, serving }: Ferry): Line[] {
  const { peak } = serving.memory()
  const yes = outcomes['200'] ?? 0
  const later = sum(Object.entries(outcomes).filter(([outcome]) => isLater(outcome)))
  const refused = answers - yes - later
  const met = refused === 0 && yes === people.length * CONNECTIONS_EACH
  const tale = `${refused} (in after ${rounded(elapsed)} s, "try again" ${count(later)} times)`
  const what = `first sign-ins of ${count(people.length)} people, ${CONNECTIONS_EACH} connections each, the source bounded to 20`
  return [
    aloneLine(`${what}: questions to the source`, count(logins), count(people.length), logins === people.length),
    aloneLine('the same: refused', tale, '0', met),
    aloneLine('the same: peak resident memory', `${rounded(peak)} MB`, `< ${MOST_MB} MB`, peak < MOST_MB),
  ]
}

function sum(outcomes: readonly [string, number][]): number {
  return outcomes.reduce((total, [, times]) => total + times, 0)
}

function count(number: number): string {
  return number.toLocaleString('en-US')
}
