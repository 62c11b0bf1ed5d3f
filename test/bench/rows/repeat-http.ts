import { askOverHttp, startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import { startReference } from '../reference.ts'
import type { Row } from '../row.ts'
import { rateLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const PEOPLE = 64
const LANES = 16

export const repeatHttp: Row = {
  name: 'repeat-http',
  about: 'a right password again, over HTTP, against a bare fastify route',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE })
    using reference = await startReference('bare-fastify')
    using ours = await startLoad(askOverHttp(ferry, LANES))
    using theirs = await startLoad({ ...askOverHttp(ferry, LANES), port: reference.port })
    const rate = (load: typeof ours) => () => load.rate(seconds)
    const compared = await inTurns(rounds, rate(ours), rate(theirs))
    return [rateLine('repeat sign-in, HTTP', 'bare fastify route', compared, 0.85)]
  },
}
