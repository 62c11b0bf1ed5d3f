import { askDovecot, startLua } from '../asking-dovecot.ts'
import { startKnown } from '../ferry.ts'
import { startLoad } from '../load.ts'
import { startReference } from '../reference.ts'
import type { Row } from '../row.ts'
import { rateLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const PEOPLE = 64
const LANES = 8

export const repeatDovecot: Row = {
  name: 'repeat-dovecot',
  about: 'the same through a real Dovecot, against Lua and a server that always says yes',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE })
    using yes = await startReference('node-http')
    await using ourDovecot = await startLua(ferry.serving.port, ferry.serving.token)
    await using theirDovecot = await startLua(yes.port, ferry.serving.token)
    using ours = await startLoad(askDovecot(ourDovecot, ferry.people, LANES))
    using theirs = await startLoad(askDovecot(theirDovecot, ferry.people, LANES))
    const rate = (load: typeof ours) => () => load.rate(seconds)
    const compared = await inTurns(rounds, rate(ours), rate(theirs))
    return [rateLine('repeat sign-in through Dovecot, 8 at a time', 'Lua → node:http that says yes', compared, 0.9)]
  },
}
