import { moveProvider, mustRun } from '../../support/ferry.ts'
import { startRelay } from '../../support/relay.ts'
import { byCron } from '../crossing/throughput.ts'
import { type Spent, startWorld, type World } from '../crossing/world.ts'
import type { Line } from '../row.ts'
import { aloneLine, rateLine, rounded } from '../table.ts'
import { comparisonOf, median } from '../turns.ts'
import { diskBeyondMail } from './disk.ts'
import { byMbsync } from './mbsync.ts'
import type { CopyRow, Size } from './size.ts'
import { fillFolders, openOld, SOURCES, type SourceKind } from './sources.ts'

const SLOTS = 2
/** How many times as fast as two OfflineIMAPs and as two mbsyncs; 10 ms were promised nothing of their own. */
const TARGETS: Readonly<Record<SourceKind, readonly [offlineimap: number, mbsync: number]>> = {
  Dovecot: [5, 0.8],
  Courier: [20, 0.8],
}
const FAR_TARGETS = [20, 0.7] as const
/** Processor time of a message. */
const CPU_TARGET = 1 / 6
const DISK_TARGET = 0.05

/** Messages a second, and processor seconds of all that took part. */
interface Rate {
  readonly rate: number
  readonly cpuSeconds: number
  readonly messages: number
}

export const speed: CopyRow = {
  name: 'speed',
  about: 'people copied and proved, two at a time, at 0, 10 and 40 ms of round trip, from Dovecot and Courier',
  async measure(size): Promise<Line[]> {
    const lines: Line[] = []
    // What a world leaves is removed when all is measured: a file system has work with that for minutes.
    await using worlds = new AsyncDisposableStack()
    for (const kind of SOURCES) {
      const folders = ['INBOX', kind === 'Courier' ? 'INBOX.Sent' : 'Sent']
      const each = Math.round(size.messages / folders.length)
      const world = worlds.use(
        await startWorld({
          ...{ people: size.people, messages: size.messages },
          openOld: (people) => openOld(kind, people),
          fill: (port, person) => fillFolders(port, person, folders, each),
        }),
      )
      for (const distance of size.distances) lines.push(...(await atDistance(world, kind, distance, size)))
    }
    return lines
  },
}

async function atDistance(world: World, kind: SourceKind, distance: number, size: Size): Promise<Line[]> {
  await using relay = await startRelay(world.port, undefined, distance)
  await moveProvider(world.service, 'old', relay.port)
  const all = size.people * size.messages
  const few = Math.min(size.plain, size.people)
  const [ours, plain, bare]: [Rate[], Rate[], Rate[]] = [[], [], []]
  const beyond: number[] = []
  for (let round = 0; round < size.rounds; round++) {
    const turns = [
      async () => {
        ours.push(rateOf(all, [await copyAndProve(world)]))
        beyond.push(diskBeyondMail(world))
      },
      async () => plain.push(rateOf(few * size.messages, await byCron(world, 'doveadm', few))),
      async () => bare.push(rateOf(all, await byMbsync(world, relay.port, SLOTS))),
    ]
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
  }
  const [offlineimap, mbsync] = distance === 40 ? FAR_TARGETS : TARGETS[kind]
  const what = `${kind}, ${distance} ms: copied and proved, messages`
  const lines: Line[] = [
    rateLine(what, 'two OfflineIMAPs', compared(ours, plain), offlineimap),
    rateLine('the same', 'two mbsyncs, which prove nothing', compared(ours, bare), mbsync),
  ]
  if (distance > 0) return lines
  const perMessage = (rates: readonly Rate[]) =>
    1000 * median(rates.map(({ cpuSeconds, messages }) => cpuSeconds / messages))
  const [mine, theirs] = [perMessage(ours), perMessage(plain)]
  const text = `${rounded(mine)} ms, ${(mine / theirs).toFixed(2)} × ${rounded(theirs)} ms of OfflineIMAP`
  lines.push(aloneLine('the same: processor time a message', text, '≤ 0.17 ×', mine / theirs <= CPU_TARGET))
  const share = median(beyond)
  const percent = `${(100 * share).toFixed(1)} %`
  lines.push(aloneLine('the same: disk beyond the mail itself', percent, '≤ 5 %', share <= DISK_TARGET))
  return lines
}

function rateOf(all: number, spent: readonly Spent[]): Rate {
  return {
    messages: all,
    rate: all / Math.max(...spent.map(({ seconds }) => seconds)),
    cpuSeconds: spent.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  }
}

function compared(ours: readonly Rate[], theirs: readonly Rate[]) {
  return comparisonOf(ours.map(({ rate }, at) => ({ ours: rate, reference: theirs[at]?.rate ?? Number.NaN })))
}

async function copyAndProve(world: World): Promise<Spent> {
  await world.reset()
  await mustRun(world.service, 'provider', 'set', 'old', '--engine', 'doveadm')
  const spent = await world.run('postferry', ['sync', '--once', '--slots', `${SLOTS}`])
  const { rows } = await world.query(`select count(*) from migration where state = 'synced'`)
  if (Number(rows[0].count) !== world.people.length) throw new Error(`${rows[0].count} were proved`)
  return spent
}
