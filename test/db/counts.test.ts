import { sql } from 'kysely'
import t from 'tap'
import { copiedTotals } from '../../src/db/copied-totals.ts'
import { counts } from '../../src/db/counts.ts'
import { providers } from '../../src/db/providers.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

const database = await openTestDatabase()
t.after(() => database[Symbol.asyncDispose]())
const { kysely } = database
const { people, stopped, jobs, attempts, copied, workers } = counts(kysely)

/** Nine people of `old`: their states, codes and routes. */
t.before(async () => {
  for (const name of ['old', 'other']) await providers(kysely).add({ ...PROVIDER, name }, BY)
  await sql`
    insert into migration (provider_id, old_domain, old_username, address, home, state, code, route)
      select provider.id, 'old.example', who || '@old.example', who || '@old.example', '/home/' || who, state, code, route
        from provider, (values
          ('a', 'awaited', null, 'source'), ('b', 'pending', null, 'destination'), ('c', 'pending', null, 'destination'),
          ('d', 'pending', 'ledger-lost', 'destination'), ('e', 'synced', null, 'destination'),
          ('f', 'synced', 'ledger-differs', 'destination'), ('g', 'failed', 'new-full', 'destination'),
          ('h', 'failed', 'new-full', 'destination'), ('i', 'done', null, 'destination')
        ) as one (who, state, code, route)
        where provider.name = 'old'`.execute(kysely)
})

const job = (who: string) => sql`(select id from migration where address = ${`${who}@old.example`})`

t.test('people are counted by provider, state and route, and those whom something stops by code', async (t) => {
  const provider = 'old'
  t.same(await people(), [
    { provider, state: 'awaited', route: 'source', people: 1 },
    { provider, state: 'done', route: 'destination', people: 1 },
    { provider, state: 'failed', route: 'destination', people: 2 },
    { provider, state: 'pending', route: 'destination', people: 3 },
    { provider, state: 'synced', route: 'destination', people: 2 },
  ])
  t.same(await stopped(), [
    { provider, code: 'ledger-differs', people: 1 },
    { provider, code: 'ledger-lost', people: 1 },
    { provider, code: 'new-full', people: 2 },
  ])
})

t.test(
  'jobs wait or run, and the first to wait tells how late copying is; outside of the window none waits',
  async (t) => {
    await sql`update job set due_at = case when due_at < 'infinity' then now() + interval '1 hour' else due_at end`.execute(
      kysely,
    )
    t.same(await jobs(), [
      { provider: 'old', waiting: 0, running: 0, oldestSeconds: 0 },
      { provider: 'other', waiting: 0, running: 0, oldestSeconds: 0 },
    ])
    await sql`update job set due_at = now() - interval '90 minutes' where migration_id = ${job('b')}`.execute(kysely)
    await sql`update job set due_at = now() - interval '5 minutes' where migration_id = ${job('c')}`.execute(kysely)
    await sql`
    update job set due_at = now() - interval '3 hours', holder = gen_random_uuid(),
      leased_until = now() + interval '30 seconds' where migration_id = ${job('e')}`.execute(kysely)
    const late = (await jobs())[0]
    t.match(late, { provider: 'old', waiting: 2, running: 1 })
    t.equal(Math.floor((late?.oldestSeconds ?? 0) / 60), 90, 'what runs is not late any more')
    await sql`
    update provider set window_zone = 'UTC',
      window_from = to_char((now() + interval '2 hours') at time zone 'UTC', 'HH24:MI'),
      window_until = to_char((now() + interval '3 hours') at time zone 'UTC', 'HH24:MI') where name = 'old'`.execute(
      kysely,
    )
    t.match(await jobs(), [{ provider: 'old', waiting: 0, running: 1, oldestSeconds: 0 }, {}])
  },
)

t.test('attempts of the last hour are counted by outcome, with the messages that they copied', async (t) => {
  await sql`
    insert into attempt (migration_id, host, ended_at, outcome, messages)
      select ${job('b')}, 'here', now() - minutes * interval '1 minute', outcome, messages
        from (values (1, 'complete', 30), (59, 'complete', 12), (2, 'old-timeout', 3), (61, 'complete', 1000))
          as one (minutes, outcome, messages)`.execute(kysely)
  await sql`insert into attempt (migration_id, host, messages) values (${job('c')}, 'here', 7)`.execute(kysely)
  t.same(await attempts(), [
    { provider: 'old', outcome: 'complete', attempts: 2, messages: 42 },
    { provider: 'old', outcome: 'old-timeout', attempts: 1, messages: 3 },
  ])
})

t.test('what was copied is kept by provider and engine, whatever is erased of attempts', async (t) => {
  const { add } = copiedTotals(kysely)
  const one = { provider: 'old', engine: 'doveadm', messages: 2, bytes: 3_000_000_000 } as const
  await add([one, { ...one, engine: 'offlineimap', messages: 1, bytes: 5 }, { ...one, provider: 'removed meanwhile' }])
  await Promise.all([add([one]), add([one])])
  await sql`delete from attempt`.execute(kysely)
  t.same(await copied(), [
    { ...one, messages: 6, bytes: 9_000_000_000 },
    { ...one, engine: 'offlineimap', messages: 1, bytes: 5 },
  ])
})

t.test('a worker that does not show itself any more does not count', async (t) => {
  t.equal(await workers(), 0)
  await sql`insert into copying_host (id, host, folder) values ('place', 'here', '/folder')`.execute(kysely)
  await sql`
    insert into worker (id, copying_host_id, alive_until)
      select gen_random_uuid(), 'place', now() + seconds * interval '1 second' from (values (30), (-1)) as one (seconds)`.execute(
    kysely,
  )
  t.equal(await workers(), 1)
})

t.end()
