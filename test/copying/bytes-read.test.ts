import { mock } from 'node:test'
import t from 'tap'
import { BytesRead } from '../../src/copying/bytes-read.ts'

/** What is written, and a database that may be away. */
function written() {
  const kept = new Map<string, number>()
  const seen = { kept, statements: 0, isAway: false }
  const sourceBytes = {
    today: async (id: string) => kept.get(id) ?? 0,
    async add(read: ReadonlyMap<string, number>) {
      seen.statements++
      if (seen.isAway) throw new Error('away')
      for (const [id, bytes] of read) kept.set(id, (kept.get(id) ?? 0) + bytes)
    },
  }
  return { seen, sourceBytes }
}

t.test('bytes of many people are written at once, and count before that', async (t) => {
  const { seen, sourceBytes } = written()
  seen.kept.set('1', 1_000)
  {
    await using read = new BytesRead(sourceBytes)
    for (const id of ['1', '2', '1']) read.take(id, 10)
    read.take('3', 0)
    t.equal(await read.today('1'), 1_020)
    t.equal(seen.statements, 0)
  }
  t.same(seen, {
    statements: 1,
    isAway: false,
    kept: new Map([
      ['1', 1_020],
      ['2', 10],
    ]),
  })
})

t.test('what a database that is away did not take is written later', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { seen, sourceBytes } = written()
  const read = new BytesRead(sourceBytes)
  read.take('1', 10)
  seen.isAway = true
  mock.timers.tick(5_000)
  t.equal(await read.today('1'), 10)
  read.take('1', 5)
  seen.isAway = false
  await read[Symbol.asyncDispose]()
  t.same([...seen.kept], [['1', 15]])
})

t.end()
