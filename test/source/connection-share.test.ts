import { mock } from 'node:test'
import t from 'tap'
import type { Allotment } from '../../src/source/budget.ts'
import { LEASE_MS, Share } from '../../src/source/connection-share.ts'

const LONG = { limitMs: 60_000 }
const AWAY = new Error('the database is away')
const flush = () => new Promise((resolve) => setImmediate(resolve))

/** A database that deals out as it is told, and what it was asked. */
function dealing(...answers: (Partial<Allotment> | Error)[]) {
  const asked: { keep: number; want: number }[] = []
  const share = new Share(async (keep, want) => {
    asked.push({ keep, want })
    const answer = answers.shift() ?? {}
    if (answer instanceof Error) throw answer
    return { may: want, excess: 0, most: 20, ...answer }
  })
  t.teardown(() => share.close())
  return { share, asked }
}

async function taken(share: Share) {
  const connection = await share.take(LONG)
  if (connection === null) throw new Error('no connection')
  return connection
}

t.test('who comes after another one does not ask', async (t) => {
  const { share, asked } = dealing()
  for (let times = 0; times < 5; times++) (await taken(share))[Symbol.dispose]()
  t.same(asked, [{ keep: 0, want: 1 }])
})

t.test('who did not wait for what others have is taken back at once', async (t) => {
  const { share, asked } = dealing({ may: 0 })
  t.equal(await share.take({ limitMs: 0 }), null)
  await flush()
  t.same(asked, [
    { keep: 0, want: 1 },
    { keep: 0, want: 0 },
  ])
})

t.test('what was used a moment ago is there for who comes now, and given back when nobody does', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  const { share, asked } = dealing()
  const next = async () => {
    now += 1_000
    mock.timers.tick(1_000)
    await flush()
  }
  const two = async () => {
    for (const connection of await Promise.all([taken(share), taken(share)])) connection[Symbol.dispose]()
  }
  for (let time = 0; time < 3; time++) {
    const before = asked.length
    await two()
    if (time > 0) t.equal(asked.length, before, 'nobody has to ask')
    await next()
    const connection = await taken(share)
    connection[Symbol.dispose]()
    await next()
  }
  for (let second = 0; second < 3; second++) await next()
  t.same(asked.at(-1), { keep: 0, want: 0 })
})

t.test('many who come together ask twice at most', async (t) => {
  const { share, asked } = dealing()
  const connections = await Promise.all(Array.from({ length: 12 }, () => taken(share)))
  t.equal(connections.length, 12)
  t.same(asked, [
    { keep: 0, want: 1 },
    { keep: 1, want: 12 },
  ])
})

t.test('while it is asked, no more are in use than it said to keep', async (t) => {
  const answers: ((answer: Allotment) => void)[] = []
  const share = new Share(() => new Promise((resolve) => answers.push(resolve)))
  t.teardown(() => share.close())
  const first = [taken(share), taken(share), taken(share)]
  answers.shift()?.({ may: 1, excess: 0, most: 20 })
  await first[0]
  await flush()
  t.match([share.running, share.waiting], [1, 2])
  answers.shift()?.({ may: 3, excess: 0, most: 20 })
  await Promise.all(first)
  for (const connection of await Promise.all(first)) connection[Symbol.dispose]()
  t.equal(share.running, 0)
  for (const answer of answers) answer({ may: 0, excess: 0, most: 20 })
})

t.test('what it says to give up is in use no more while that is said', async (t) => {
  const said: number[] = []
  let answer: (allotment: Allotment) => void = () => undefined
  let isAtOnce = true
  const share = new Share(async (keep, want) => {
    said.push(keep)
    const asked = new Promise<Allotment>((resolve) => {
      answer = resolve
    })
    return isAtOnce ? { may: Math.max(3, want), excess: 0, most: 4 } : await asked
  })
  t.teardown(() => share.close())
  const connections = [await taken(share), await taken(share), await taken(share)]
  isAtOnce = false
  for (const connection of connections) connection[Symbol.dispose]()
  const next = [taken(share), taken(share), taken(share)]
  await flush()
  t.match([said.at(-1), share.running, share.waiting], [2, 2, 1])
  isAtOnce = true
  answer({ may: 2, excess: 0, most: 4 })
  for (const connection of await Promise.all(next)) connection[Symbol.dispose]()
})

t.test('who does not wait is told so by the next answer', async (t) => {
  const { share } = dealing({ may: 0 }, { may: 0 })
  t.equal(await share.take({ limitMs: 0 }), null)
  t.equal(share.waiting, 0)
})

t.test('who is told that there are too many ends that many, the latest first', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { share } = dealing({}, {}, { may: 0, excess: 1 }, { may: 0, excess: 1 }, { may: 0, excess: 2 })
  const [first, second] = await Promise.all([taken(share), taken(share)])
  const next = async () => {
    mock.timers.tick(1_000)
    await flush()
  }
  await next()
  t.match([first?.signal.aborted, second?.signal.reason], [false, 'stopped'])
  await next()
  t.equal(first?.signal.aborted, false, 'the one that is about to end counts')
  await next()
  t.equal(first?.signal.reason, 'stopped')
})

t.test('while nobody can be asked, what is held may be used until its lease ends', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const away = Array(40).fill(AWAY)
  const { share } = dealing({}, ...away)
  const connection = await taken(share)
  for (let seconds = 0; seconds < 20; seconds++) {
    mock.timers.tick(1_000)
    await flush()
  }
  t.equal(connection.signal.aborted, false)
  for (let seconds = 20; seconds < LEASE_MS / 1000 - 4; seconds++) {
    mock.timers.tick(1_000)
    await flush()
  }
  t.equal(connection.signal.reason, 'lost-lock', 'well before others may take it')
  connection[Symbol.dispose]()
  const late = share.take({ limitMs: 50 })
  await flush()
  mock.timers.tick(50)
  await t.rejects(late, AWAY, 'nor is it used again')
})

t.test('while the database cannot be asked, nobody waits for long, and each is told why', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  const { share } = dealing(...Array(100).fill(AWAY))
  const told = share.take(LONG).then(
    () => 'a connection',
    (error) => error,
  )
  while (now < 5_000) {
    now += 100
    mock.timers.tick(100)
    await flush()
  }
  t.equal(await Promise.race([told, flush().then(() => 'waits')]), AWAY)
})

t.test('at the end everything is given back, and nobody gets a connection any more', async (t) => {
  const { share, asked } = dealing({ may: 1 }, { may: 1 })
  const connection = await taken(share)
  const waiting = share.take(LONG)
  await share.close()
  t.equal(connection.signal.reason, 'stopped')
  t.equal(await waiting, null)
  t.equal(await share.take(LONG), null)
  t.same(asked.at(-1), { keep: 0, want: 0 })
})
