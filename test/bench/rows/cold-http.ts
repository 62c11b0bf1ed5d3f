import { askOverHttp, startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import type { Line, Row } from '../row.ts'
import { rateLine } from '../table.ts'
import { inTurns, median } from '../turns.ts'

const PEOPLE = 64
const LANES = 16
const DELAY_TARGET_S = 0.02
const DELAY_METRIC = 'nodejs_eventloop_lag_p99_seconds'

export const coldHttp: Row = {
  name: 'cold-http',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE, environment: { MAILFERRY_CACHE_SECONDS: '0' } })
    using ours = await startLoad(askOverHttp(ferry, LANES))
    using theirs = await startLoad({ kind: 'verify', people: ferry.people, lanes: LANES })
    const delays: number[] = []
    const measureOurs = async () => {
      // Each look starts the metric afresh.
      await ferry.serving.metric(DELAY_METRIC)
      const rate = await ours.rate(seconds)
      delays.push(await ferry.serving.metric(DELAY_METRIC))
      return rate
    }
    const compared = await inTurns(rounds, measureOurs, () => theirs.rate(seconds))
    return [rateLine('known person, cold cache', 'argon2 verify alone', compared, 0.9), delayLine(delays.slice(1))]
  },
}

function delayLine(delays: readonly number[]): Line {
  const delay = median(delays)
  const [least, most] = [Math.min(...delays), Math.max(...delays)].map((seconds) => (seconds * 1000).toFixed(1))
  return {
    what: 'the same, event-loop delay p99',
    ours: `${(delay * 1000).toFixed(1)} ms (${least}–${most})`,
    reference: '–',
    ratio: '–',
    target: `< ${DELAY_TARGET_S * 1000} ms`,
    met: delay < DELAY_TARGET_S,
  }
}
