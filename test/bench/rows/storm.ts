import { setTimeout as pause } from 'node:timers/promises'
import { askOverHttp, type Ferry, startFerry } from '../ferry.ts'
import { isLater } from '../lanes/lane.ts'
import { startLoad } from '../load.ts'
import type { LoadResult } from '../load-process.ts'
import type { Line, Row } from '../row.ts'

const PEOPLE = 10_000
const CONNECTIONS_EACH = 5
const PEOPLE_AT_A_TIME = 1_000
const IDLE_MS = 10_000

export const storm: Row = {
  name: 'storm',
  async measure() {
    // OLD counts its logins in its debug log.
    await using ferry = await startFerry({ people: PEOPLE, maxConnections: 20, old: 'auth_debug = yes\n' })
    await pause(IDLE_MS)
    const idle = ferry.serving.memory().now
    using load = await startLoad({
      ...askOverHttp(ferry, PEOPLE_AT_A_TIME * CONNECTIONS_EACH),
      fresh: true,
      retries: true,
      atOnce: CONNECTIONS_EACH,
    })
    const result = await load.each(0, PEOPLE)
    return [
      line('idle service, memory', `${idle.toFixed(0)} MB`, '< 120 MB', idle < 120),
      ...(await stormLines(ferry, result)),
    ]
  },
}

async function stormLines({ old, serving }: Ferry, { outcomes, elapsed }: LoadResult): Promise<Line[]> {
  const logins = await old.loginCount()
  const { peak } = serving.memory()
  const yes = outcomes['200'] ?? 0
  const later = Object.entries(outcomes).filter(([outcome]) => isLater(outcome))
  const wrong = Object.entries(outcomes).filter(([outcome]) => outcome !== '200' && !isLater(outcome))
  const retried = later.map(([outcome, count]) => `${count} × ${outcome.replace('503 ', '')}`).join(', ') || 'none'
  const complete = yes === PEOPLE * CONNECTIONS_EACH
  const storm = '10,000 people, 5 connections each, OLD bounded to 20'
  return [
    line(`${storm}: questions to OLD`, `${logins}`, `= ${PEOPLE}`, logins === PEOPLE),
    line(
      'the same: refused',
      wrong.map((pair) => pair.join(': ')).join(', ') || `0 of ${yes} in ${elapsed.toFixed(0)} s (retried: ${retried})`,
      '= 0',
      wrong.length === 0 && complete,
    ),
    line('the same: peak memory', `${peak.toFixed(0)} MB`, '< 250 MB', peak < 250),
  ]
}

function line(what: string, ours: string, target: string, met: boolean): Line {
  return { what, ours, reference: '–', ratio: '–', target, met }
}
