import type { Line, Row } from '../row.ts'
import { inTurns } from '../turns.ts'
import { startWorld } from './world.ts'

const PEOPLE = 200

export const unchanged: Row = {
  name: 'unchanged',
  about: 'a pass over 200 mailboxes in which nothing has changed',
  async measure({ rounds }): Promise<Line[]> {
    await using world = await startWorld({ people: PEOPLE, messages: 2 })
    await world.run('mailferry', ['sync', '--once', '--slots', '4'])
    const rc = `${world.metadata(1)}.rc`
    await world.run('emit-offlineimaprc', ['--output', rc])
    const look = async () => {
      await world.query('update turn set due_at = now()')
      return (await world.run('mailferry', ['sync', '--once', '--slots', '2'])).cpuSeconds
    }
    const run = async () => (await world.run('offlineimap', ['-1', '-o', '-c', rc])).cpuSeconds
    const compared = await inTurns(rounds, look, run)
    const spread = `${compared.ratio.toFixed(3)} × (${compared.low.toFixed(3)}–${compared.high.toFixed(3)})`
    return [
      {
        what: '200 unchanged mailboxes, processor time',
        reference: `one OfflineIMAP run over them: ${compared.reference.toFixed(1)} s`,
        measured: `${compared.ours.toFixed(1)} s, ${spread}`,
        target: '≤ 0.1 ×',
        isMet: compared.ratio <= 0.1,
      },
    ]
  },
}
