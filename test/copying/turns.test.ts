import t from 'tap'
import { Turns } from '../../src/copying/turns.ts'

/** Turns over providers with so many jobs; `claimed` and how often the database was `asked`. */
function turnsOver(due: Record<string, number>) {
  const claimed: string[] = []
  const seen = { asked: 0, claimed, now: 1_000 }
  const jobs = {
    async providers() {
      seen.asked++
      return Object.keys(due).filter((provider) => (due[provider] ?? 0) > 0)
    },
  }
  const turns = new Turns(jobs, {} as never, undefined, () => seen.now)
  const next = () =>
    turns.first(async (provider) => {
      if (!due[provider]) return null
      due[provider]--
      claimed.push(provider)
      return provider
    })
  return { due, seen, next }
}

t.test('providers take turns, and the database is not asked before each of them', async (t) => {
  const { seen, next } = turnsOver({ a: 3, b: 3 })
  for (let claim = 1; claim <= 6; claim++) await next()
  t.match(seen, { asked: 1, claimed: ['a', 'b', 'a', 'b', 'a', 'b'] })
  seen.now += 200
  await next()
  t.equal(seen.asked, 2, 'but now and then')
})

t.test('nothing is left out that has come since, and who has nothing more is not asked for', async (t) => {
  const { due, seen, next } = turnsOver({ a: 1 })
  await next()
  due.b = 1
  t.equal(await next(), 'b')
  t.match(seen, { asked: 2, claimed: ['a', 'b'] })
  t.equal(await next(), null)
  t.equal(seen.asked, 3)
})

t.end()
