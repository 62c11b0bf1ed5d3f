import { ENGINES, type EngineName } from '../../../src/model/provider.ts'
import { mustRun } from '../../support/ferry.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rateLine, rounded } from '../table.ts'
import { inTurns, median } from '../turns.ts'
import { type Spent, startWorld, type World } from './world.ts'

const PEOPLE = 20
const MESSAGES = 600
const ALL = PEOPLE * 2 * MESSAGES
const SLOTS = 2
/** How many times as fast as two plain OfflineIMAP runs. */
const TARGETS: Readonly<Record<EngineName, number>> = { offlineimap: 0.95, doveadm: 5 }
const SHARES = Array.from({ length: SLOTS }, (_, at) => at + 1)

export const throughput: Row = {
  name: 'throughput',
  about: 'copying 20 mailboxes, two at a time',
  async measure({ rounds }): Promise<Line[]> {
    await using world = await startWorld({ people: PEOPLE, messages: MESSAGES })
    const lines: Line[] = []
    for (const engine of ENGINES) {
      await mustRun(world.service, 'provider', 'set', 'old', '--engine', engine)
      lines.push(...(await linesOf(world, engine, rounds)))
    }
    return lines
  },
}

async function linesOf(world: World, engine: EngineName, rounds: number): Promise<Line[]> {
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
  const plainly = async () => ALL / Math.max(...(await byCron(world, engine)).map(({ seconds }) => seconds))
  const compared = await inTurns(rounds, copying, plainly)
  return [
    rateLine(`copying with ${engine}, messages`, 'two plain OfflineIMAP runs (--shard)', compared, TARGETS[engine]),
    aloneLine(
      'the same, with comparing the source and the destination afterwards',
      `${rounded(median(whole))}/s`,
      '–',
      true,
    ),
    aloneLine('that comparing alone', `${rounded(median(proving))} s of ${SLOTS} workers’ time`, '–', true),
  ]
}

/**
 * Two OfflineIMAP runs, whatever the engine is that they are compared with.
 * @param people so many of them are copied
 * @returns what each took
 */
export async function byCron(
  world: World,
  engine: EngineName,
  people = world.people.length,
): Promise<readonly Spent[]> {
  await world.reset()
  const others = world.people.slice(people).map((address) => `'${address}'`)
  if (others.length > 0)
    await world.query(`update migration set state = 'paused', paused_from = 'pending' where address in (${others})`)
  await mustRun(world.service, 'provider', 'set', 'old', '--engine', 'offlineimap')
  for (const share of SHARES) {
    const env = { POSTFERRY_OFFLINEIMAP_METADATA: world.metadata(share) }
    await world.run('emit-offlineimaprc', ['--shard', `${share}/${SLOTS}`, '--output', rc(world, share)], env)
  }
  const runs = SHARES.map((share) => world.run('offlineimap', ['-1', '-o', '-c', rc(world, share)]))
  const spent = await Promise.all(runs)
  await mustRun(world.service, 'provider', 'set', 'old', '--engine', engine)
  return spent
}

function rc(world: World, share: number): string {
  return `${world.metadata(share)}.rc`
}
