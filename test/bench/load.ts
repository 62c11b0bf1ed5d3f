import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { interrupted } from './interrupt.ts'
import type { LoadRequest, LoadResult, LoadSettings } from './load-process.ts'

/** Longer than anything takes, on a busy machine too. */
const LIMIT_MS = 60_000
const EACH_LIMIT_MS = 30 * LIMIT_MS
/** A process that asks and is busier than that measures itself. */
const MOST_BUSY = 0.9

/** A process of its own that asks. */
export interface Load extends Disposable {
  /** Asks on all lanes for so long, each lane about its own people again and again. @returns answers per second */
  rate(seconds: number): Promise<number>
  /** Asks once about each of the people from one number up to before another. */
  each(from: number, to: number): Promise<LoadResult>
}

/** @throws as soon as an answer is not yes */
export async function startLoad(settings: LoadSettings): Promise<Load> {
  const child = fork(join(import.meta.dirname, 'load-process.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    signal: interrupted,
    killSignal: 'SIGKILL',
  })
  // An interruption; it shows as the end of the process.
  child.on('error', () => undefined)
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the process that asks ended with ${code}`)
  })
  gone.catch(() => undefined)
  const ask = async (message: object, limitMs = LIMIT_MS): Promise<LoadResult> => {
    const answer = once(child, 'message', { signal: AbortSignal.timeout(limitMs) })
    child.send(message)
    const [result] = (await Promise.race([answer, gone])) as [LoadResult]
    const others = Object.entries(result.outcomes).filter(([outcome]) => !['OK', '200'].includes(outcome))
    if (others.length > 0 && !settings.retries) throw new Error(`not every answer was yes: ${JSON.stringify(others)}`)
    return result
  }
  await ask(settings)
  return {
    async rate(seconds) {
      const { answers, elapsed, busy } = await ask({ seconds } satisfies LoadRequest, LIMIT_MS + seconds * 1000)
      if (busy > MOST_BUSY) console.error(`what asks was itself busy ${(busy * 100).toFixed(0)}% of the time`)
      return answers / elapsed
    },
    each: (from, to) => ask({ from, to } satisfies LoadRequest, EACH_LIMIT_MS),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
