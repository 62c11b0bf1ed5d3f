import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Sync, startSync } from '../../support/sync.ts'
import type { Line, Row } from '../row.ts'
import { inTurns } from '../turns.ts'
import { processorSeconds } from './processor-time.ts'
import { startWorld, type World, type WorldSettings } from './world.ts'

/** `target`: how many times what OfflineIMAP takes. */
const CROWDS: readonly (WorldSettings & { readonly target: number })[] = [
  {
    target: 0.1,
    people: 20,
    messages: 200,
    mailboxes: ['INBOX', ...Array.from({ length: 9 }, (_, at) => `Folder ${at}`)],
  },
  { target: 0.3, people: 200, messages: 2, mailboxes: ['INBOX', 'Sent'] },
]

// A worker goes over its people for weeks: its start, and that its code is cold then, are no part of it.
const JOBS = 200

export const unchanged: Row = {
  name: 'unchanged',
  about: 'a pass in which nothing has changed: over 200 mailboxes, and over 200 people with next to no mail',
  async measure({ rounds }): Promise<Line[]> {
    const lines: Line[] = []
    for (const crowd of CROWDS) lines.push(await pass(crowd, rounds))
    return lines
  },
}

async function pass({ target, ...crowd }: (typeof CROWDS)[number], rounds: number): Promise<Line> {
  await using world = await startWorld(crowd)
  await world.run('postferry', ['sync', '--once', '--slots', '4'])
  const rc = `${world.metadata(1)}.rc`
  await world.run('emit-offlineimaprc', ['--output', rc])
  const worker = startSync(world.service)
  const passes = Math.ceil(JOBS / crowd.people)
  const look = async () => {
    let seconds = 0
    for (let pass = 0; pass < passes; pass++) seconds += await lookAtAll(world, worker)
    return seconds / passes
  }
  const run = async () => (await world.run('offlineimap', ['-1', '-o', '-c', rc])).cpuSeconds
  const compared = await inTurns(rounds, look, run)
  worker.kill('SIGTERM')
  await worker.end
  const spread = `${compared.ratio.toFixed(3)} × (${compared.low.toFixed(3)}–${compared.high.toFixed(3)})`
  const { people, mailboxes, messages } = crowd
  return {
    what: `nothing new, ${people} people with ${mailboxes?.length} mailboxes of ${messages}: processor time`,
    reference: `one OfflineIMAP run over them: ${compared.reference.toFixed(1)} s`,
    measured: `${compared.ours.toFixed(1)} s, ${spread}`,
    target: `≤ ${target} ×`,
    isMet: compared.ratio <= target,
  }
}

/** Processor seconds of the worker and its database. */
async function lookAtAll({ service, people, query }: World, worker: Sync): Promise<number> {
  const database = Number.parseInt(readFileSync(join(service.dataDir, 'postgres/postmaster.pid'), 'utf8'), 10)
  const ended = () => worker.events.filter(({ event }) => event === 'ended')
  const before = { seconds: processorSeconds(worker.pid, database), ended: ended().length }
  await query(`update job set due_at = now() where due_at < 'infinity'`)
  while (ended().length < before.ended + people.length) await wait(50)
  const others = ended().filter(({ outcome }) => outcome !== 'unchanged')
  if (others.length > 0) throw new Error(`something changed: ${JSON.stringify(others[0])}`)
  return processorSeconds(worker.pid, database) - before.seconds
}
