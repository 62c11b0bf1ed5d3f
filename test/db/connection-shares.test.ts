import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { shares } from '../../src/db/connection-shares.ts'
import { providers } from '../../src/db/providers.ts'
import { openBudget, type Shares, USES, type Use } from '../../src/source/budget.ts'
import { LEASE_MS } from '../../src/source/connection-share.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'
import { until } from '../support/until.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
})
t.after(() => database[Symbol.asyncDispose]())

/** Another provider, and what so many processes may ask of its budget. */
async function provided(name: string, maxConnections: number, copyConnections: number | null = null) {
  const provider = { ...PROVIDER, name, maxConnections, copyConnections }
  await providers(database.kysely).add(provider, BY)
  const limit = (most: number) => providers(database.kysely).set({ ...provider, maxConnections: most }, BY)
  const as = (id: string) => asking(name, shares(database.kysely, id, LEASE_MS))
  return { limit, as, process: () => as(randomUUID()) }
}

function asking(name: string, process: Shares) {
  const ask = (use: Use) => async (keep: number, want: number) => await process.claim(name, use, keep, want)
  return { signIns: ask('sign-in'), copies: ask('copying') }
}

const held = async (name: string) => {
  const { rows } = await sql<{ held: number }>`select held from connection_share
    join provider on provider.id = provider_id where name = ${name}`.execute(database.kysely)
  return rows.reduce((all, row) => all + row.held, 0)
}

t.test('all processes together get what is allowed, and each its part', async (t) => {
  const { process } = await provided('parts', 8)
  const [one, other] = [process(), process()]
  t.match(await one.signIns(0, 20), { may: 8, most: 8 })
  t.match(await other.signIns(0, 20), { may: 0 })
  t.match(await one.signIns(8, 20), { may: 4 }, 'no more are opened')
  t.match(await other.signIns(0, 20), { may: 0 }, 'but those that there are last')
  t.match(await one.signIns(5, 20), { may: 4 })
  t.match(await other.signIns(0, 20), { may: 3 })
  t.match(await one.signIns(4, 20), { may: 4 })
  t.match(await other.signIns(3, 20), { may: 4 })
  t.equal(await held('parts'), 8)
})

t.test('a process that takes the place of another has its connections at once', async (t) => {
  const { as } = await provided('successor', 8)
  const id = randomUUID()
  t.match(await as(id).signIns(0, 20), { may: 8 })
  t.match(await as(randomUUID()).signIns(0, 1), { may: 0 }, 'others wait')
  t.match(await as(id).signIns(0, 20), { may: 7 }, 'one is for who waits')
  t.equal(await held('successor'), 7)
})

t.test('an only connection goes round', async (t) => {
  const { process } = await provided('only', 1)
  const [one, other] = [process(), process()]
  t.match(await one.signIns(0, 5), { may: 1 })
  t.match(await other.signIns(0, 5), { may: 0 })
  t.match(await one.signIns(1, 5), { may: 0 }, 'it is the other one’s turn')
  t.match(await one.signIns(0, 5), { may: 0 })
  t.match(await other.signIns(0, 5), { may: 1 })
  t.match(await other.signIns(1, 5), { may: 0 })
  t.match(await other.signIns(0, 5), { may: 0 })
  t.match(await one.signIns(0, 5), { may: 1 })
})

t.test('copying leaves the last quarter to sign-ins, one at least, and no more than it is told', async (t) => {
  for (const [most, copying] of [
    ...([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 3],
      [20, 15],
    ] as const),
  ]) {
    const { process } = await provided(`quarter-${most}`, most)
    const [one, other] = [process(), process()]
    const { may } = await one.copies(0, most)
    t.equal(may, copying, `of ${most}`)
    t.match(await other.copies(0, most), { may: 0 })
    t.match(await other.signIns(0, most), { may: most - copying })
  }
  const { process } = await provided('told', 8, 2)
  t.match(await process().copies(0, 8), { may: 2 })
})

t.test('no copy begins while a sign-in waits', async (t) => {
  const { process } = await provided('waits', 4)
  const [one, other] = [process(), process()]
  t.match(await one.signIns(0, 3), { may: 3 })
  t.match(await other.copies(0, 1), { may: 1 })
  t.match(await one.signIns(3, 4), { may: 3 })
  t.match(await other.copies(1, 2), { may: 0, excess: 0 }, 'the one that runs goes on')
  t.match(await other.copies(0, 1), { may: 0 })
  t.match(await one.signIns(3, 4), { may: 4 })
  t.match(await one.signIns(0, 0), { may: 0 })
  t.match(await other.copies(0, 1), { may: 1 })
})

t.test('a copy that has the only connection ends when a sign-in waits', async (t) => {
  const { process } = await provided('yield', 1)
  const [one, other] = [process(), process()]
  t.match(await one.copies(0, 1), { may: 1, excess: 0 })
  t.match(await other.signIns(0, 1), { may: 0 })
  t.match(await one.copies(1, 1), { may: 0, excess: 1 })
  t.match(await one.copies(0, 0), { may: 0 })
  t.match(await other.signIns(0, 1), { may: 1 })
})

t.test('another limit holds at once, for copies that run too', async (t) => {
  const { process, limit } = await provided('limit', 8)
  const [one, other] = [process(), process()]
  t.match(await one.copies(0, 6), { may: 6 })
  t.match(await other.signIns(0, 9), { may: 2 })
  await limit(4)
  t.match(await one.copies(6, 6), { may: 0, excess: 3 })
  t.match(await one.copies(3, 3), { may: 0, excess: 0 })
  t.match(await other.signIns(2, 9), { may: 1 })
  await limit(16)
  t.match(await other.signIns(1, 9), { may: 9 })
})

t.test('what a process held that died comes back when its lease ends', async (t) => {
  const { process } = await provided('dead', 2)
  const [dead, other] = [process(), process()]
  t.match(await dead.signIns(0, 2), { may: 2 })
  t.match(await other.signIns(0, 2), { may: 0 })
  await sql`update connection_share set leased_until = now() - interval '1 s'
    where held > 0 and provider_id = (select id from provider where name = 'dead')`.execute(database.kysely)
  t.match(await other.signIns(0, 2), { may: 2 })
  t.match(await dead.signIns(0, 2), { may: 0 })
})

t.test('a provider that was removed has none', async (t) => {
  const { process } = await provided('gone', 2)
  const { signIns } = process()
  t.match(await signIns(0, 2), { may: 2 })
  await providers(database.kysely).remove('gone', BY)
  t.match(await signIns(0, 2), { may: 0 })
})

t.test('whatever four processes do, no more are in use than allowed, and everybody has a turn', async (t) => {
  const [MOST, PEOPLE] = [4, 25]
  await provided('crowd', MOST)
  const seen = { now: 0, most: 0, copies: 0, mostCopies: 0 }
  await using opened = new AsyncDisposableStack()
  const budgets = Array.from({ length: 4 }, () =>
    opened.use(openBudget(shares(database.kysely, randomUUID(), LEASE_MS))),
  )
  const visits = budgets.flatMap((budget) =>
    USES.flatMap((use) => Array.from({ length: PEOPLE }, () => ({ budget, use }))),
  )
  await Promise.all(
    visits.map(async ({ budget, use }) => {
      await wait(2000 * Math.random())
      using connection = await budget.take('crowd', use, { limitMs: 60_000 })
      if (connection === null) throw new Error('nobody is left without')
      const copies = Number(use === 'copying')
      seen.copies += copies
      seen.most = Math.max(seen.most, ++seen.now)
      seen.mostCopies = Math.max(seen.mostCopies, seen.copies)
      await wait(10 * Math.random())
      seen.now--
      seen.copies -= copies
    }),
  )
  t.ok(seen.most <= MOST, `${seen.most} at a time`)
  t.ok(seen.mostCopies <= 3, `${seen.mostCopies} copies`)
  await until(async () => (await held('crowd')) === 0, 'all of it is given back')
})

t.end()
