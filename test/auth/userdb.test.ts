import t from 'tap'
import { allAddresses } from '../../src/auth/userdb.ts'

t.test('everybody is listed once, in pages, and no page is read before it is asked for', async (t) => {
  const everybody = Array.from({ length: 12_345 }, (_, number) => `${String(number).padStart(6, '0')}@old.example`)
  let read = 0
  const accounts = {
    async addressesAfter(address: string, limit: number) {
      read++
      const from = everybody.findIndex((one) => one > address)
      return from < 0 ? [] : everybody.slice(from, from + limit)
    },
  }
  const found: string[] = []
  for await (const page of allAddresses(accounts)) {
    found.push(...page)
    t.ok(page.length <= 5_000)
    t.equal(read, Math.ceil(found.length / 5_000))
  }
  t.same(found, everybody)
  everybody.length = 5_000
  t.same((await Array.fromAsync(allAddresses(accounts))).flat(), everybody, 'a full page is not taken for the last one')
})
