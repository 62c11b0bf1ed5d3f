import t from 'tap'
import { FailureDelay } from '../../src/auth/failure-delay.ts'

const LONGEST_MS = 8_000
const { signal } = new AbortController()

/** Whether a refusal that has taken so long may be given at once. */
async function isGiven(delay: FailureDelay, provider: string | null, taken: number): Promise<boolean> {
  const held = delay.hold(provider, performance.now() - taken, signal).then(() => true)
  return await Promise.race([held, new Promise<false>((resolve) => setImmediate(resolve, false))])
}

t.test('no refusal is held back for longer than 8 s, however long another one took', async (t) => {
  const delay = new FailureDelay()
  t.ok(await isGiven(delay, 'old', 60_000))
  t.ok(await isGiven(delay, 'old', LONGEST_MS))
  t.notOk(delay.isUnknown('old'))
})

t.test('a refusal of nobody’s domain is as slow as the slowest provider', async (t) => {
  const delay = new FailureDelay()
  t.ok(await isGiven(delay, 'slow', LONGEST_MS))
  t.ok(await isGiven(delay, 'quick', 1))
  const gone = new AbortController()
  const held = delay.hold(null, performance.now() - LONGEST_MS / 2, gone.signal)
  const first = await Promise.race([held.then(() => 'told'), new Promise((resolve) => setImmediate(resolve, 'held'))])
  gone.abort()
  await held
  t.equal(first, 'held')
})
