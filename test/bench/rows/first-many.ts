import { askDovecot, startLua, startPassdb } from '../asking-dovecot.ts'
import { startFerry } from '../ferry.ts'
import { type Load, startLoad } from '../load.ts'
import type { Row } from '../row.ts'
import { rateLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const AT_A_TIME = 64
const PER_FIGURE = 3 * AT_A_TIME

export const firstMany: Row = {
  name: 'first-many',
  about: "64 first sign-ins at a time, against Dovecot's own passdb imap",
  async measure({ rounds }) {
    const figures = 2 * (rounds + 1)
    await using ferry = await startFerry({ people: figures * PER_FIGURE, maxConnections: AT_A_TIME })
    const { old, people, serving } = ferry
    await using ourDovecot = await startLua(serving.port, serving.token)
    const target = `host=localhost port=${old.tlsPort} ssl=imaps ssl_ca_file=${old.ca}`
    await using theirDovecot = await startPassdb(`driver = imap\nargs = ${target}`)
    using ours = await startLoad(askDovecot(ourDovecot, people, AT_A_TIME))
    using theirs = await startLoad(askDovecot(theirDovecot, people, AT_A_TIME))
    let next = 0
    // Nobody signs in twice: whose mailbox the source makes first takes longer.
    const rate = (load: Load) => async () => {
      const from = next
      next += PER_FIGURE
      const { answers, elapsed } = await load.each(from, next)
      return answers / elapsed
    }
    const compared = await inTurns(rounds, rate(ours), rate(theirs))
    return [rateLine('first sign-ins through Dovecot, 64 at a time', 'its own passdb imap', compared, 1)]
  },
}
