import { setTimeout as pause } from 'node:timers/promises'
import { startFerry } from '../ferry.ts'
import { interrupted } from '../interrupt.ts'
import type { Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'
import { median } from '../turns.ts'

const IDLE_MS = 10_000
const MOST_MB = 120
// Some give memory back in this time, and some do not.
const STARTS = 5

export const idle: Row = {
  name: 'idle',
  about: 'memory of a service that nobody asks, without its database',
  async measure() {
    const starts: number[] = []
    for (let start = 0; start < STARTS; start++) starts.push(await memoryOfOne())
    const [usual, least, most] = [median(starts), Math.min(...starts), Math.max(...starts)]
    const measured = `${rounded(usual)} MB (${rounded(least)}–${rounded(most)})`
    return [aloneLine('idle service, resident memory', measured, `< ${MOST_MB} MB`, usual < MOST_MB)]
  },
}

async function memoryOfOne(): Promise<number> {
  await using ferry = await startFerry({ people: 1 })
  await pause(IDLE_MS, undefined, { signal: interrupted })
  return ferry.serving.memory().now
}
