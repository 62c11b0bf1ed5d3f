import type { Line, Row } from '../row.ts'
import { aloneLine, rateLine, rounded } from '../table.ts'
import { inTurns, median } from '../turns.ts'
import { startWorld, type World } from './world.ts'

const PEOPLE = 20
const MESSAGES = 600
const ALL = PEOPLE * 2 * MESSAGES
const SLOTS = 2
const SHARES = Array.from({ length: SLOTS }, (_, at) => at + 1)

export const throughput: Row = {
  name: 'throughput',
  about: 'copying 20 mailboxes, two at a time',
  async measure({ rounds }): Promise<Line[]> {
    await using world = await startWorld({ people: PEOPLE, messages: MESSAGES })
    const [whole, proving]: [number[], number[]] = [[], []]
    const copying = async () => {
      await world.reset()
      const { seconds } = await world.run('postferry', ['sync', '--once', '--slots', `${SLOTS}`])
      const { rows } = await world.query('select sum(seconds) as seconds, count(*) as count from ledger')
      if (Number(rows[0].count) !== PEOPLE) throw new Error(`${rows[0].count} of ${PEOPLE} were proved`)
      const comparing = Number(rows[0].seconds)
      whole.push(ALL / seconds)
      proving.push(comparing)
      return ALL / (seconds - comparing / SLOTS)
    }
    const compared = await inTurns(rounds, copying, () => byCron(world))
    return [
      rateLine('copying, messages', 'two plain OfflineIMAP runs (--shard)', compared, 0.95),
      aloneLine(
        'the same, with comparing the source and the destination afterwards',
        `${rounded(median(whole))}/s`,
        '–',
        true,
      ),
      aloneLine('that comparing alone', `${rounded(median(proving))} s of ${SLOTS} workers’ time`, '–', true),
    ]
  },
}

async function byCron(world: World): Promise<number> {
  await world.reset()
  for (const share of SHARES) {
    const env = { POSTFERRY_OFFLINEIMAP_METADATA: world.metadata(share) }
    await world.run('emit-offlineimaprc', ['--shard', `${share}/${SLOTS}`, '--output', rc(world, share)], env)
  }
  const runs = SHARES.map((share) => world.run('offlineimap', ['-1', '-o', '-c', rc(world, share)]))
  const spent = await Promise.all(runs)
  return ALL / Math.max(...spent.map(({ seconds }) => seconds))
}

function rc(world: World, share: number): string {
  return `${world.metadata(share)}.rc`
}
