import { askOverHttp, startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rateLine, rounded } from '../table.ts'
import { inTurns, median, quantile } from '../turns.ts'

const PEOPLE = 64
const LANES = 16
const MOST_DELAY_MS = 20
const DELAY_METRIC = 'nodejs_eventloop_lag_p99_seconds'
/** What is measured is a timer of 10 ms: that long is the delay of a process that does nothing. */
const TIMER_MS = 10

export const coldHttp: Row = {
  name: 'cold-http',
  about: 'a known person whose password has to be hashed, against nothing but the hash; event-loop delay',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE, environment: { POSTFERRY_CACHE_SECONDS: '0' } })
    using ours = await startLoad(askOverHttp(ferry, LANES))
    using theirs = await startLoad({ kind: 'verify', people: ferry.people, lanes: LANES })
    const delays: number[] = []
    const measureOurs = async () => {
      // Each look starts the metric afresh.
      await ferry.serving.metric(DELAY_METRIC)
      const rate = await ours.rate(seconds)
      delays.push((await ferry.serving.metric(DELAY_METRIC)) * 1000 - TIMER_MS)
      return rate
    }
    const compared = await inTurns(rounds, measureOurs, () => theirs.rate(seconds))
    return [rateLine('known person, cold cache', 'argon2 verify alone', compared, 0.9), delayLine(delays.slice(1))]
  },
}

function delayLine(delays: readonly number[]): Line {
  const delay = median(delays)
  const [low, high] = [quantile(delays, 0.25), quantile(delays, 0.75)].map(rounded)
  const what = 'the same, event-loop delay p99'
  return aloneLine(what, `${rounded(delay)} ms (${low}–${high})`, `< ${MOST_DELAY_MS} ms`, delay < MOST_DELAY_MS)
}
