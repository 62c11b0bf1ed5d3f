import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { providers } from '../../src/db/providers.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
})
t.after(() => database[Symbol.asyncDispose]())

t.test('of two who change a provider at once, the second is told, and undoes nothing', async (t) => {
  const { add, set, find } = providers(database.kysely)
  await add(PROVIDER, BY)
  const seen = await find(PROVIDER.name)
  if (seen === null) throw new Error('it is not there')
  await set({ ...seen, maxConnections: 7 }, BY, seen)
  await t.rejects(set({ ...seen, port: 1993 }, BY, seen), { code: 'conflict', message: /was changed meanwhile/ })
  t.match(await find(PROVIDER.name), { maxConnections: 7, port: PROVIDER.port })
  await set({ ...seen, maxConnections: 7, port: 1993 }, BY, { ...seen, maxConnections: 7 })
  t.match(await find(PROVIDER.name), { maxConnections: 7, port: 1993 })
})

t.end()
