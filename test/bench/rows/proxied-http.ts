import { askOverHttp, startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import type { Row } from '../row.ts'
import { rateLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const PEOPLE = 64
const LANES = 16

export const proxiedHttp: Row = {
  name: 'proxied-http',
  about: 'a right password again, of people who work at the source, against people who are here',
  async measure({ rounds, seconds }) {
    await using proxied = await startKnown({ people: PEOPLE, provider: ['--cutover', 'proxied', '--flip', 'manual'] })
    await using here = await startKnown({ people: PEOPLE })
    using ours = await startLoad(askOverHttp(proxied, LANES))
    using theirs = await startLoad(askOverHttp(here, LANES))
    const rate = (load: typeof ours) => () => load.rate(seconds)
    const compared = await inTurns(rounds, rate(ours), rate(theirs))
    // Their route is read from the database for each answer: no figure was promised.
    const line = rateLine('repeat sign-in of people who are proxied, HTTP', 'of people who are here', compared, 0)
    return [{ ...line, target: '–' }]
  },
}
