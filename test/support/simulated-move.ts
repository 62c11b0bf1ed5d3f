import type { Minute, Work } from '../../src/model/estimate.ts'

/** How a day goes. */
export const SHAPES = ['steady', 'morning rush', 'throttled old server'] as const
export type Shape = (typeof SHAPES)[number]

/** A minute of a simulated move: what is known then, how much of all work is done, and when it really is over. */
export interface Moment {
  readonly work: Work
  readonly share: number
  /** In seconds, from then on. */
  readonly end: number
}

const PEOPLE = 600
/** Of whom every sixth never comes on a day when people have to come. */
const ABSENT = PEOPLE / 6
const SLOTS = 12
const STEP_S = 5
const MINUTE = 60 / STEP_S
const RATE = 12
/** What an attempt takes besides: its start, and the comparison of both servers. */
const OVERHEAD_S = 4
const LARGEST = 40_000
const WINDOW = 60
const FAILS = 0.05

interface Mailbox {
  readonly size: number
  readonly arrives: number
  readonly pace: number
  copied: number
  /** Before it nothing is copied: the start of an attempt, or the pause after one that failed. */
  from: number
  isCounted: boolean
  begun: { readonly at: number; readonly copied: number }
}

/** Moves people with mailboxes of very different sizes, from first to last. @param seed the same makes the same move */
export function simulate(shape: Shape, seed: number): Moment[] {
  const chance = random(seed)
  const people = Array.from({ length: PEOPLE }, () => mailbox(shape, chance)).sort((a, b) => a.arrives - b.arrives)
  const [minutes, looks]: [Minute[], { work: Work; done: number; at: number }[]] = [[], []]
  const running: Mailbox[] = []
  let [done, messages, slots, now] = [0, 0, 0, 0]
  for (let step = 0; people.some(isLeft); step++) {
    now = step * STEP_S
    const waiting = people.filter(
      (one) => isLeft(one) && one.arrives <= now && one.from <= now && !running.includes(one),
    )
    for (const one of waiting.slice(0, SLOTS - running.length)) begin(one, now, running)
    const speed = RATE * weather(shape, now, chance)
    for (const one of [...running]) {
      slots++
      if (one.from > now) continue
      const copied = Math.min(one.size - one.copied, speed * one.pace * STEP_S)
      one.copied += copied
      messages += copied
      done += copied
      const isBrokenOff = chance() < (FAILS * STEP_S) / 300
      if (isLeft(one) && !isBrokenOff) continue
      running.splice(running.indexOf(one), 1)
      if (isBrokenOff) one.from = now + 60
    }
    if (step % MINUTE !== MINUTE - 1) continue
    minutes.push({ messages, slots: slots / MINUTE })
    ;[messages, slots] = [0, 0]
    looks.push({ work: lookAt(people, running, minutes, now), done, at: now })
  }
  return looks.map(({ work, done: doneThen, at }) => ({ work, share: doneThen / done, end: now - at }))
}

function mailbox(shape: Shape, chance: () => number): Mailbox {
  const size = Math.min(LARGEST, Math.ceil(2_000 * Math.exp(normal(chance))))
  const arrives = shape === 'morning rush' ? Math.max(0, 40 * 60 + 18 * 60 * normal(chance)) : 0
  return {
    size,
    arrives,
    pace: Math.exp(0.25 * normal(chance)),
    copied: 0,
    from: 0,
    isCounted: false,
    begun: { at: 0, copied: 0 },
  }
}

function isLeft({ size, copied }: Mailbox): boolean {
  return copied < size
}

function begin(one: Mailbox, now: number, running: Mailbox[]): void {
  one.isCounted = true
  one.begun = { at: now, copied: one.copied }
  one.from = now + OVERHEAD_S
  running.push(one)
}

/** How fast the old server is. A throttled one gives a quarter of an hour's mail in five minutes, and little after that. */
function weather(shape: Shape, now: number, chance: () => number): number {
  const noise = Math.exp(0.1 * normal(chance))
  return shape === 'throttled old server' && now % 900 > 300 ? 0.25 * noise : noise
}

function lookAt(
  people: readonly Mailbox[],
  running: readonly Mailbox[],
  minutes: readonly Minute[],
  now: number,
): Work {
  const here = people.filter(({ arrives }) => arrives <= now)
  const counted = here.filter(({ isCounted }) => isCounted)
  const mean = counted.reduce((sum, { size }) => sum + size, 0) / counted.length || 0
  const deviation = Math.sqrt(counted.reduce((sum, { size }) => sum + (size - mean) ** 2, 0) / counted.length || 0)
  return {
    uncounted: here.length - counted.length,
    counted: { people: counted.length, mean, deviation, largest: Math.max(0, ...counted.map(({ size }) => size)) },
    left: counted.reduce((sum, { size, copied }) => sum + size - copied, 0),
    done: counted.reduce((sum, { copied }) => sum + copied, 0),
    running: running.map(({ size, copied, begun }) => ({
      left: size - copied,
      copied: copied - begun.copied,
      seconds: now - begun.at,
    })),
    minutes: minutes.slice(-WINDOW),
    came: here.filter(({ arrives }) => arrives > now - 900 && arrives > 0).length,
    expected: people.length - here.length + ABSENT,
  }
}

/** Between 0 and 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function normal(chance: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance())
}
