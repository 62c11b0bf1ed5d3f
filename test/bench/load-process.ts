import { performance } from 'node:perf_hooks'
import { type AuthSettings, authLanes } from './lanes/auth.ts'
import { type HttpSettings, httpLanes } from './lanes/http.ts'
import { isLater, type Lane } from './lanes/lane.ts'
import { type RawSignInSettings, rawSignInLanes } from './lanes/raw-sign-in.ts'
import { type VerifySettings, verifyLanes } from './lanes/verify.ts'

export type LoadSettings = (HttpSettings | AuthSettings | VerifySettings | RawSignInSettings) & {
  /** Asks again, as a mail client does, when the answer was "try again". */
  readonly retries?: boolean
  /** How many connections one person opens at the same moment. */
  readonly atOnce?: number
}

export type LoadRequest = { readonly seconds: number } | { readonly from: number; readonly to: number }

export interface LoadResult {
  /** How often each answer came. */
  readonly outcomes: Record<string, number>
  readonly answers: number
  /** Seconds. */
  readonly elapsed: number
  /** Share of the time in which this process had work to do: near 1, it is what is measured. */
  readonly busy: number
  /** Milliseconds from question to answer, where each person was asked about once. */
  readonly times: number[]
}

const RETRY_MS = 5_000

let settings: LoadSettings
let lanes: Lane[]

process.on('message', async (message: LoadSettings | LoadRequest) => {
  if ('kind' in message) {
    settings = message
    lanes = await lanesOf(message)
    process.send?.({ outcomes: {}, answers: 0, elapsed: 0, busy: 0, times: [] } satisfies LoadResult)
    return
  }
  const tally = new Tally()
  await ('seconds' in message ? askFor(message.seconds, tally) : askEach(message.from, message.to, tally))
  process.send?.(tally.result())
})
process.on('disconnect', () => process.exit())

function lanesOf(asked: LoadSettings): Promise<Lane[]> {
  switch (asked.kind) {
    case 'http':
      return httpLanes(asked)
    case 'auth':
      return authLanes(asked)
    case 'verify':
      return verifyLanes(asked)
    case 'raw-sign-in':
      return rawSignInLanes(asked)
  }
}

class Tally {
  readonly #start = performance.now()
  readonly #usage = performance.eventLoopUtilization()
  readonly #outcomes: Record<string, number> = {}
  readonly times: number[] = []

  count(outcome: string): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
  }

  result(): LoadResult {
    const answers = Object.values(this.#outcomes).reduce((sum, count) => sum + count, 0)
    return {
      outcomes: this.#outcomes,
      answers,
      elapsed: (performance.now() - this.#start) / 1000,
      busy: performance.eventLoopUtilization(this.#usage).utilization,
      times: this.times,
    }
  }
}

/** No two lanes ask about the same person: identical questions in flight may be answered together. */
async function askFor(seconds: number, tally: Tally): Promise<void> {
  const end = performance.now() + seconds * 1000
  const count = settings.people.length
  const ask = (lane: Lane, person: number, done: () => void): void => {
    lane.ask(person, (outcome) => {
      tally.count(outcome)
      if (outcome === 'closed' || performance.now() >= end) return done()
      const next = person + lanes.length
      ask(lane, next < count ? next : person % lanes.length, done)
    })
  }
  await Promise.all(lanes.map((lane, index) => new Promise<void>((done) => ask(lane, index, done))))
}

async function askEach(from: number, to: number, tally: Tally): Promise<void> {
  const { atOnce = 1 } = settings
  let next = from
  const groups = Array.from({ length: lanes.length / atOnce }, (_, group) =>
    lanes.slice(group * atOnce, (group + 1) * atOnce),
  )
  await Promise.all(
    groups.map(async (group) => {
      while (next < to) {
        const person = next++
        await Promise.all(group.map((lane) => askOnce(lane, person, tally)))
      }
    }),
  )
}

async function askOnce(lane: Lane, person: number, tally: Tally): Promise<void> {
  for (;;) {
    const start = performance.now()
    const outcome = await new Promise<string>((answered) => lane.ask(person, answered))
    tally.count(outcome)
    if (!settings.retries || !isLater(outcome)) {
      tally.times.push(performance.now() - start)
      return
    }
    await new Promise((retry) => setTimeout(retry, RETRY_MS * (1 + Math.random())))
  }
}
