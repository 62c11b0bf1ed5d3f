import { setTimeout as pause } from 'node:timers/promises'
import { startFerry } from '../ferry.ts'
import { interrupted } from '../interrupt.ts'
import type { Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'

const IDLE_MS = 10_000
const MOST_MB = 120

export const idle: Row = {
  name: 'idle',
  about: 'memory of a service that nobody asks, without its database',
  async measure() {
    await using ferry = await startFerry({ people: 1 })
    await pause(IDLE_MS, undefined, { signal: interrupted })
    const { now } = ferry.serving.memory()
    return [aloneLine('idle service, resident memory', `${rounded(now)} MB`, `< ${MOST_MB} MB`, now < MOST_MB)]
  },
}
