import { sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { sourceBytes } from '../../src/db/source-bytes.ts'
import { openTestDatabase } from '../support/database.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await sql`
    with p as (insert into provider (name, host, port, tls, max_connections, login_name, cutover)
      values ('old', 'h', 1, 'none', 1, '%u', 'immediate') returning id)
    insert into migration (address, home, provider_id, old_domain, old_username, state, route)
    select address, '/' || address, p.id, 'old.example', address, 'pending', 'destination'
      from p, (values ('anna@new.example'), ('bert@new.example')) as person (address)`.execute(database.kysely)
})
t.after(() => database[Symbol.asyncDispose]())

t.test(
  'bytes of many people are added in one statement; who was removed meanwhile keeps nobody from theirs',
  async (t) => {
    const { kysely } = database
    const all = sourceBytes(kysely)
    const ids = (await kysely.selectFrom('migration').select('id').orderBy('id').execute()).map(({ id }) => id)
    const [anna = '', bert = ''] = ids
    await all.add(
      new Map([
        [bert, 5_000_000_000],
        [anna, 1],
        ['999999', 7],
      ]),
    )
    await all.add(new Map([[anna, 2]]))
    t.same([await all.today(anna), await all.today(bert), await all.today('999999')], [3, 5_000_000_000, 0])
    await sql`update source_bytes set day = day - 1`.execute(kysely)
    t.equal(await all.today(anna), 0, 'of another day')
    await all.add(new Map([[anna, 4]]))
    t.equal(await all.today(anna), 4)
  },
)

t.end()
