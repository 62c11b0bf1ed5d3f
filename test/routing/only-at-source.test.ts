import { mock } from 'node:test'
import t from 'tap'
import { countOnlyAtSource } from '../../src/routing/only-at-source.ts'

t.test('counts are kept now and then, all of them at the end, and none is lost when that fails', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const kept: object[] = []
  const troubles: unknown[] = []
  let fails = true
  const counter = countOnlyAtSource(
    async (counts) => {
      if (fails) throw new Error('away')
      kept.push(Object.fromEntries(counts))
    },
    (cause) => troubles.push(cause),
  )
  counter.count('a@old.example')
  counter.count('a@old.example')
  mock.timers.tick(5_000)
  await new Promise(setImmediate)
  t.match(troubles, [{ message: 'away' }])
  fails = false
  counter.count('b@old.example')
  await counter[Symbol.asyncDispose]()
  t.same(kept, [{ 'b@old.example': 1, 'a@old.example': 2 }])
})
