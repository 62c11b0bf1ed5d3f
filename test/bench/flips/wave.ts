import { setTimeout as pause } from 'node:timers/promises'
import { mustRun } from '../../support/ferry.ts'
import { startSync } from '../../support/sync.ts'
import type { Line } from '../row.ts'
import { aloneLine, rounded, timeLine } from '../table.ts'
import { comparisonOf, inTurns, quantile } from '../turns.ts'
import { weighedAsTheUnit } from './as-the-unit.ts'
import { signInRounds, signInsPerSecond, signInsUntil } from './signing-in.ts'
import { type FlipWorld, type Person, startFlipWorld } from './world.ts'

export interface WaveSize {
  /** Who is flipped in the wave. */
  readonly people: number
  /** Of each person. */
  readonly messages: number
  /** Flips at a time. */
  readonly slots: number
}

/** Who is here already, and signs in meanwhile. */
const OTHERS = 10
const ROUNDS = 10
/** Of those who are here and those who are not, in turns. */
const RATE_ROUNDS = 3
const SIGN_INS = 400
/** The wave is stopped when so many of its people are here. */
const STOPPED_AT = 0.4
const LOOK_MS = 100

/** One wave that is stopped in the middle and requested again, while others sign in. */
export async function measureWave({ people, messages, slots }: WaveSize): Promise<Line[]> {
  const named = (letter: string, count: number): Person[] =>
    Array.from({ length: count }, (_, at) => [`${letter}${at}@old.example`, `secret of ${letter}${at}`])
  const others = named('other', OTHERS)
  await using world = await startFlipWorld([...others, ...named('person', people)], messages)
  const mirroredIn = await mirror(world, slots)
  const sync = startSync(world.service, ['--slots', `${slots}`])
  const weighed = weighedAsTheUnit(sync.pid)
  for (const [address] of others) await mustRun(world.service, 'migration', 'flip', address)
  await arrived(world, OTHERS)
  await signInRounds(world, others, 1)
  const before = await signInRounds(world, others, ROUNDS)
  const proxied = named('person', Math.min(people, OTHERS))
  const rates = await inTurns(
    RATE_ROUNDS,
    () => signInsPerSecond(world, proxied, SIGN_INS),
    () => signInsPerSecond(world, others, SIGN_INS),
  )

  const wave = new Wave(world)
  let isOver = false
  const during = signInsUntil(world, others, () => isOver)
  await wave.request()
  await arrived(world, OTHERS + Math.round(people * STOPPED_AT))
  const atStop = await wave.stop()
  await wave.request()
  await arrived(world, OTHERS + people)
  wave.isEnded()
  isOver = true
  const meanwhile = await during
  sync.kill('SIGTERM')
  await sync.end
  weighed[Symbol.dispose]()

  const holds = await heldMs(world)
  const share = (part: number) => `${rounded(quantile(holds, part))} ms`
  const ratio = comparisonOf([{ ours: quantile(meanwhile, 0.95), reference: quantile(before, 0.95) }])
  const who = `${people.toLocaleString('en-US')} people with ${messages} messages, ${slots} at a time`
  return [
    aloneLine(`a wave: ${who}: flips a minute`, rounded((60_000 * people) / wave.ms), '–', true),
    aloneLine('the same: mirrors made and proved before it, a minute', rounded(mirroredIn), '–', true),
    aloneLine(
      'the same: held, p50 and p99',
      `${share(0.5)}, ${share(0.99)}`,
      '≤ 2,000 ms',
      quantile(holds, 0.99) <= 2000,
    ),
    aloneLine(`the same, stopped in the middle: flipped after that`, `${atStop}`, `≤ ${slots}`, atStop <= slots),
    timeLine('the same: sign-ins of others, p95', 'before it', ratio, 1.5),
    {
      what: 'sign-ins of people who work on the old server, 8 at a time',
      reference: `people who are here: ${rounded(rates.reference)}/s`,
      measured: `${rounded(rates.ours)}/s, ${rates.ratio.toFixed(2)} ×`,
      ...{ target: '–', isMet: true },
    },
  ]
}

/** @returns how many a minute */
async function mirror({ service, query }: FlipWorld, slots: number): Promise<number> {
  const startedAt = performance.now()
  await mustRun(service, 'sync', '--once', '--quiet', '--slots', `${slots}`)
  const { rows } = await query(
    `select count(*) filter (where state = 'synced') as synced, count(*) as all from migration`,
  )
  const [{ synced, all }] = rows
  if (synced !== all) throw new Error(`of ${all} mirrors ${synced} are proved`)
  return (60_000 * Number(all)) / (performance.now() - startedAt)
}

class Wave {
  readonly #world: FlipWorld
  #startedAt = 0
  /** In which flips were wanted. */
  ms = 0

  constructor(world: FlipWorld) {
    this.#world = world
  }

  async request(): Promise<void> {
    await mustRun(this.#world.service, 'migration', 'flip', '--all', '--provider', 'old', '--route', 'source')
    this.#startedAt = performance.now()
  }

  /** @returns how many came here after that */
  async stop(): Promise<number> {
    const { service, query } = this.#world
    await mustRun(service, 'provider', 'stop-flips', 'old')
    this.isEnded()
    const there = await here(this.#world)
    for (;;) {
      const { rows } = await query('select from flip')
      if (rows.length === 0) break
      await pause(LOOK_MS)
    }
    return (await here(this.#world)) - there
  }

  isEnded(): void {
    this.ms += performance.now() - this.#startedAt
  }
}

async function here({ query }: FlipWorld): Promise<number> {
  return Number((await query(`select count(*) from migration where route = 'destination'`)).rows[0].count)
}

async function arrived(world: FlipWorld, count: number): Promise<void> {
  while ((await here(world)) < count) await pause(LOOK_MS)
}

async function heldMs({ query }: FlipWorld): Promise<number[]> {
  const { rows } = await query(`select substring(output from 'held for (\\d+) ms') as ms from attempt
    where output like 'flipped; held for %'`)
  return rows.map(({ ms }) => Number(ms))
}
