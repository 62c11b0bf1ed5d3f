import { mock } from 'node:test'
import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { guardSource } from '../../src/source/guard.ts'
import type { Source, SourceAnswer, SourceLogin } from '../../src/source/ports.ts'
import { budgetOf } from '../support/budget.ts'

const provider = { name: 'old', host: 'old.example', port: 993, maxConnections: 3 } as Provider
const SILENT: SourceAnswer = { kind: 'trouble', code: 'old-unreachable', cause: 'down', answered: false }
const BUSY = { kind: 'trouble', code: 'old-busy' }
const OPEN = { kind: 'trouble', code: 'breaker-open' }

/** The source as one process guards it. */
function guarded(old: Source, queueLimitMs: number) {
  const budget = budgetOf(provider.maxConnections)
  t.teardown(() => budget[Symbol.asyncDispose]())
  return guardSource(old, { budget, queueLimitMs, time: (_, work) => work() })
}

function question(changes: Partial<SourceLogin> = {}): SourceLogin {
  const { signal } = new AbortController()
  return { provider, username: 'anna', password: 'x', clientAddress: null, signal, ...changes }
}

/** A source that answers when told to, and how many questions it has at a time. */
function slowSource() {
  const waiting: ((answer: SourceAnswer) => void)[] = []
  const seen = { now: 0, most: 0, all: 0 }
  return {
    seen,
    answerNext: (answer: SourceAnswer = { kind: 'yes' }) => waiting.shift()?.(answer),
    ask: async () => {
      seen.all++
      seen.most = Math.max(seen.most, ++seen.now)
      return await new Promise<SourceAnswer>((resolve) => waiting.push(resolve)).finally(() => seen.now--)
    },
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

t.test('the source never gets more questions at a time than it allows, and gets them all', async (t) => {
  const slow = slowSource()
  const old = guarded(slow, 60_000)
  const answers = Promise.all(Array.from({ length: 20 }, () => old.ask(question())))
  await pause()
  t.same(old.status(), [{ provider: 'old', breaker: 'closed', running: 3, waiting: 17 }])
  for (let asked = 0; asked < 20; asked++) {
    slow.answerNext()
    await pause()
  }
  for (const answer of await answers) t.same(answer, { kind: 'yes' })
  t.match(slow.seen, { most: 3, all: 20 })
  t.same(old.status(), [{ provider: 'old', breaker: 'closed', running: 0, waiting: 0 }])
})

t.test('who waits too long for a connection is told to try again, and is not asked about later', async (t) => {
  const slow = slowSource()
  const old = guarded(slow, 20)
  const first = Array.from({ length: 3 }, () => old.ask(question()))
  t.match(await old.ask(question({ username: 'late' })), BUSY)
  for (const _ of first) slow.answerNext()
  await Promise.all(first)
  await pause()
  t.equal(slow.seen.all, 3)
  const next = old.ask(question())
  await pause()
  slow.answerNext()
  t.same(await next, { kind: 'yes' }, 'the places are free again')
})

t.test('who has gone leaves the queue', async (t) => {
  const slow = slowSource()
  const old = guarded(slow, 60_000)
  const first = Array.from({ length: 3 }, () => old.ask(question()))
  const going = new AbortController()
  const gone = old.ask(question({ signal: going.signal }))
  going.abort()
  t.match(await gone, BUSY)
  t.match(await old.ask(question({ signal: AbortSignal.abort() })), BUSY, 'gone before it began')
  for (const _ of first) slow.answerNext()
  await Promise.all(first)
  await pause()
  t.equal(slow.seen.all, 3)
})

t.test('a connection that source has not closed yet is in use, though its question is answered', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = 0
  const ask = async ({ onLeaving }: SourceLogin): Promise<SourceAnswer> => {
    if (asked++ < 3) onLeaving?.(promise)
    return { kind: 'no' }
  }
  const old = guarded({ ask }, 60_000)
  for (let asking = 0; asking < 3; asking++) t.same(await old.ask(question()), { kind: 'no' })
  const next = old.ask(question())
  await pause()
  t.match([asked, old.status()], [3, [{ running: 3, waiting: 1 }]])
  resolve()
  t.same(await next, { kind: 'no' })
})

t.test('providers do not wait for each other', async (t) => {
  const slow = slowSource()
  const old = guarded(slow, 100)
  for (let i = 0; i < 5; i++) {
    for (const name of ['one', 'other']) void old.ask(question({ provider: { ...provider, name } }))
  }
  await pause()
  t.equal(slow.seen.now, 6)
})

/** A source that is down until it is up, and how often it was asked. */
function upAndDown() {
  const seen = { asked: 0, isUp: false, onAsked: (): void => undefined }
  const ask = async (): Promise<SourceAnswer> => {
    seen.asked++
    seen.onAsked()
    return seen.isUp ? { kind: 'no' } : SILENT
  }
  return { ask, seen }
}

/** Asks for so many people, one after another, and returns the last answer. */
async function askOften(old: Source, times: number): Promise<SourceAnswer> {
  let answer = SILENT
  for (let asked = 0; asked < times; asked++) answer = await old.ask(question({ username: `person ${asked}` }))
  return answer
}

t.test('a source that stops answering is left alone, probed later, and asked again when it is back', async (t) => {
  mock.timers.enable({ apis: ['Date'] })
  t.teardown(() => mock.timers.reset())
  const { ask, seen } = upAndDown()
  const old = guarded({ ask }, 60_000)
  t.same(await askOften(old, 10), SILENT)
  t.match(await askOften(old, 5), OPEN)
  t.equal(seen.asked, 10)
  t.match(old.status(), [{ breaker: 'open' }])
  mock.timers.tick(60_000)
  t.match(await askOften(old, 3), OPEN, 'the probe finds it still away')
  t.equal(seen.asked, 11)
  seen.isUp = true
  mock.timers.tick(60_000)
  t.same(await old.ask(question()), { kind: 'no' })
  t.match(old.status(), [{ breaker: 'closed' }])
})

t.test('the breaker of one provider concerns no other, nor the same one at another endpoint', async (t) => {
  const old = guarded({ ask: upAndDown().ask }, 60_000)
  t.match(await askOften(old, 11), OPEN)
  t.same(await old.ask(question({ provider: { ...provider, name: 'other' } })), SILENT)
  t.same(await old.ask(question({ provider: { ...provider, host: 'new.example' } })), SILENT)
})

t.test('another limit of connections leaves the breaker as it is', async (t) => {
  const { ask, seen } = upAndDown()
  const old = guarded({ ask }, 60_000)
  await askOften(old, 10)
  t.match(await old.ask(question({ provider: { ...provider, maxConnections: 4 } })), OPEN)
  t.equal(seen.asked, 10)
})

t.test('whatever the source answers, it is alive: one person’s trouble opens no breaker', async (t) => {
  const answers: SourceAnswer[] = [
    { kind: 'no' },
    { kind: 'yes' },
    { kind: 'trouble', code: 'old-busy', cause: 'LIMIT', answered: true },
  ]
  for (const answer of answers) {
    const old = guarded({ ask: async () => answer }, 60_000)
    t.same(await askOften(old, 30), answer)
    t.match(old.status(), [{ breaker: 'closed' }])
  }
})

t.test('after an answer those whom the source left without one are counted anew', async (t) => {
  const { ask, seen } = upAndDown()
  const old = guarded({ ask }, 60_000)
  t.same(await askOften(old, 9), SILENT)
  seen.isUp = true
  t.same(await old.ask(question()), { kind: 'no' })
  seen.isUp = false
  t.same(await old.ask(question({ username: 'a tenth' })), SILENT)
  t.match(old.status(), [{ breaker: 'closed' }])
})

t.test('one person whom the source does not answer opens no breaker', async (t) => {
  const { ask, seen } = upAndDown()
  const old = guarded({ ask }, 60_000)
  for (let asked = 0; asked < 30; asked++) t.same(await old.ask(question()), SILENT)
  t.equal(seen.asked, 30)
  t.match(await askOften(old, 10), OPEN, 'nine others do')
})

t.test('a probe that is given up does not close the breaker', async (t) => {
  mock.timers.enable({ apis: ['Date'] })
  t.teardown(() => mock.timers.reset())
  const { ask, seen } = upAndDown()
  const old = guarded({ ask }, 60_000)
  await askOften(old, 10)
  mock.timers.tick(60_000)
  const going = new AbortController()
  seen.onAsked = () => going.abort()
  t.same(await old.ask(question({ signal: going.signal })), SILENT)
  t.match(await old.ask(question()), OPEN)
  t.equal(seen.asked, 11)
})

t.test('questions that we gave up say nothing about the source', async (t) => {
  let going = new AbortController()
  const ask = async (): Promise<SourceAnswer> => {
    going.abort()
    return SILENT
  }
  const old = guarded({ ask }, 60_000)
  for (let asked = 0; asked < 30; asked++) {
    going = new AbortController()
    t.same(await old.ask(question({ username: `person ${asked}`, signal: going.signal })), SILENT)
  }
  t.match(old.status(), [{ breaker: 'closed' }])
})
