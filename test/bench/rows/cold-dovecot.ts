import { askDovecot, startLua } from '../asking-dovecot.ts'
import { startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import type { Row } from '../row.ts'
import { startSqlPassdb } from '../sql-passdb.ts'
import { rateLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const PEOPLE = 64
const LANES = 8

export const coldDovecot: Row = {
  name: 'cold-dovecot',
  about: "the same through a real Dovecot, against Dovecot's own passdb sql",
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE, environment: { POSTFERRY_CACHE_SECONDS: '0' } })
    await using ourDovecot = await startLua(ferry.serving.port, ferry.serving.token)
    await using theirDovecot = await startSqlPassdb(ferry.people)
    using ours = await startLoad(askDovecot(ourDovecot, ferry.people, LANES))
    using theirs = await startLoad(askDovecot(theirDovecot, ferry.people, LANES))
    const rate = (load: typeof ours) => () => load.rate(seconds)
    const compared = await inTurns(rounds, rate(ours), rate(theirs))
    return [rateLine('known person, cold, through Dovecot', 'its sql passdb, same hash', compared, 2)]
  },
}
