import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Line, Row } from '../row.ts'
import { timeLine } from '../table.ts'
import { comparisonOf, quantile } from '../turns.ts'
import { type Newcomer, startWorld, type World } from './world.ts'

/** Enough to be copied for longer than a round takes. */
const PEOPLE = 4
const MESSAGES = 3_000
const PER_ROUND = 60
const ROUNDS = 5
/** People come one after the other, but not all at once. */
const APART_MS = 50

export const signingIn: Row = {
  name: 'signing-in',
  about: 'first sign-ins while mail is copied, against the same without',
  async measure(): Promise<Line[]> {
    const newcomers = 2 * PER_ROUND * (ROUNDS + 1)
    await using world = await startWorld({ people: PEOPLE, messages: MESSAGES, newcomers })
    let next = 0
    const round = () => {
      next += PER_ROUND
      return times(world, world.newcomers.slice(next - PER_ROUND, next))
    }
    await round()
    await whileCopying(world, round)
    const all: Record<'ours' | 'reference', number[]>[] = []
    for (let number = 0; number < ROUNDS; number++) {
      all.push({ reference: await round(), ours: await whileCopying(world, round) })
    }
    const line = (title: string, share: number, atMost: number) => {
      const pairs = all.map(({ ours, reference }) => ({
        ours: quantile(ours, share),
        reference: quantile(reference, share),
      }))
      return timeLine(`first sign-in while mail is copied, ${title}`, 'while none is', comparisonOf(pairs), atMost)
    }
    return [line('p50', 0.5, 1.5), line('p95', 0.95, 1.5)]
  },
}

async function whileCopying(world: World, measure: () => Promise<number[]>): Promise<number[]> {
  await world.reset()
  const worker = world.start('postferry', ['sync'])
  const ended = once(worker, 'exit')
  try {
    await copies(world)
    const measured = await measure()
    if (!(await isCopying(world))) throw new Error('there was too little to copy')
    return measured
  } finally {
    worker.kill('SIGTERM')
    await ended
  }
}

async function copies(world: World): Promise<void> {
  while (!(await isCopying(world))) await pause(50)
}

async function isCopying(world: World): Promise<boolean> {
  const { rows } = await world.query('select from attempt where ended_at is null')
  return rows.length > 0
}

async function times({ service }: World, people: Iterable<Newcomer>): Promise<number[]> {
  const taken: number[] = []
  for (const [username, password] of people) {
    const startedAt = performance.now()
    const { status, body } = await service.passdb(username, password)
    if (status !== 200) throw new Error(`${username}: ${JSON.stringify(body)}`)
    taken.push(performance.now() - startedAt)
    await pause(APART_MS)
  }
  return taken
}
