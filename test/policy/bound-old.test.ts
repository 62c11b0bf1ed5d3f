import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { boundOld } from '../../src/policy/bound-old.ts'
import type { OldAnswer } from '../../src/policy/ports.ts'

const provider = { name: 'old', maxConnections: 3 } as Provider

/** An OLD that answers when told to, and how many questions it has at a time. */
function slowOld() {
  const waiting: ((answer: OldAnswer) => void)[] = []
  const seen = { now: 0, most: 0, all: 0 }
  return {
    seen,
    answerNext: () => waiting.shift()?.({ kind: 'yes' }),
    ask: async () => {
      seen.all++
      seen.most = Math.max(seen.most, ++seen.now)
      return await new Promise<OldAnswer>((resolve) => waiting.push(resolve)).finally(() => seen.now--)
    },
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

t.test('OLD never gets more questions at a time than it allows, and gets them all', async (t) => {
  const slow = slowOld()
  const old = boundOld(slow)
  const answers = Promise.all(Array.from({ length: 20 }, () => old.ask(provider, 'anna', 'x')))
  for (let asked = 0; asked < 20; asked++) {
    await settle()
    slow.answerNext()
  }
  for (const answer of await answers) t.same(answer, { kind: 'yes' })
  t.match(slow.seen, { most: 3, all: 20 })
})

t.test('who waits too long for a place is told to try again, and is not asked about later', async (t) => {
  const slow = slowOld()
  const old = boundOld(slow, 20)
  const first = Array.from({ length: 3 }, () => old.ask(provider, 'anna', 'x'))
  t.match(await old.ask(provider, 'late', 'x'), { kind: 'trouble', code: 'old-busy' })
  for (const _ of first) slow.answerNext()
  for (const answer of await Promise.all(first)) t.same(answer, { kind: 'yes' })
  await settle()
  t.equal(slow.seen.all, 3)
  const next = old.ask(provider, 'next', 'x')
  await settle()
  slow.answerNext()
  t.same(await next, { kind: 'yes' }, 'its place is free again')
})

t.test('providers do not wait for each other', async (t) => {
  const slow = slowOld()
  const old = boundOld(slow)
  for (let asked = 0; asked < 4; asked++) {
    for (const name of ['one', 'other']) void old.ask({ ...provider, name }, 'anna', 'x')
  }
  await settle()
  t.equal(slow.seen.now, 6)
  for (let asked = 0; asked < 8; asked++) {
    slow.answerNext()
    await settle()
  }
})
