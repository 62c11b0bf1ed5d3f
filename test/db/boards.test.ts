import { sql } from 'kysely'
import t from 'tap'
import { boards } from '../../src/db/boards.ts'
import { openTestDatabase } from '../support/database.ts'

const database = await openTestDatabase()
t.teardown(() => database[Symbol.asyncDispose]())
const run = (text: string) => sql.raw(text).execute(database.kysely)
const look = () => boards(database.kysely).look()

await run(`insert into provider (name, host, port, tls, max_connections, login_name, cutover, window_from, window_until,
    window_zone)
  values ('kontor', 'localhost', 1, 'none', 12, '%u', 'immediate', null, null, null),
    ('weber', 'localhost', 1, 'none', 5, '%u', 'immediate',
      to_char(now() + interval '1 hour', 'HH24:MI'), to_char(now() + interval '2 hours', 'HH24:MI'), 'UTC')`)
await run(`insert into account (address, password_hash, password_source, home)
  select name || '@kontor.example', '', 'source', '/' || name
    from unnest('{anna,ben,cleo,dora,emil,fred}'::text[]) as name`)
await run(`insert into migration (account_id, address, provider_id, old_domain, old_username, state, code, route)
  select account.id, one.name || '@kontor.example', provider.id, 'kontor.example', one.name, state, code, 'destination'
    from provider, (values ('anna', 'pending', null), ('ben', 'pending', null), ('cleo', 'synced', null),
      ('dora', 'failed', 'new-full'), ('emil', 'pending', 'ledger-differs'), ('fred', 'done', null),
      ('gina', 'awaited', null)) as one (name, state, code)
      left join account on account.address = one.name || '@kontor.example'
    where provider.name = 'kontor'`)
await run(`delete from migration_transition`)
const id = (name: string) => `(select id from migration where old_username = '${name}')`

t.test('people are counted as they are', async (t) => {
  const { sources, reasons, workers, running } = await look()
  t.match(sources, [
    {
      ...{ provider: 'kontor', isOpen: true, connections: { allowed: 12, signIn: 0, copying: 0 } },
      people: {
        states: { awaited: 1, pending: 3, synced: 1, done: 1, failed: 1, paused: 0 },
        ...{ neverCame: 1, toCopy: 2, stopped: 2, acrossLastHour: 0, cameLastHour: 0 },
      },
      ...{ errors: [], successes: 0, awaySince: null, minutes: [], counted: { people: 0 } },
    },
    { provider: 'weber', isOpen: false, people: { toCopy: 0 } },
  ])
  t.match(reasons, [
    { code: 'ledger-differs', provider: 'kontor', people: 1, address: 'emil@kontor.example' },
    { code: 'new-full', provider: 'kontor', people: 1, address: 'dora@kontor.example' },
  ])
  t.same([workers, running], [[], []])
})

t.test('who came and who came across is told of the last hour, and nobody twice', async (t) => {
  await run(`insert into migration_transition (migration_id, at, from_state, to_state) values
    (${id('anna')}, now() - interval '5 minutes', 'awaited', 'pending'),
    (${id('ben')}, now() - interval '40 minutes', null, 'pending'),
    (${id('fred')}, now() - interval '3 hours', 'awaited', 'pending'),
    (${id('fred')}, now() - interval '2 hours', 'pending', 'synced'),
    (${id('fred')}, now() - interval '30 minutes', 'synced', 'pending'),
    (${id('fred')}, now() - interval '20 minutes', 'pending', 'synced'),
    (${id('fred')}, now() - interval '10 minutes', 'synced', 'done'),
    (${id('cleo')}, now() - interval '8 minutes', 'pending', 'synced')`)
  const { sources } = await look()
  t.match(sources[0], { came: 1, people: { cameLastHour: 2, acrossLastHour: 1 } })
})

t.test('what was copied is told for each minute in which it was, and how large mailboxes are', async (t) => {
  await run(`insert into attempt (migration_id, host, started_at, ended_at, outcome, messages) values
    (${id('cleo')}, 'mail1', now() - interval '10 minutes', now() - interval '8 minutes', 'complete', 600),
    (${id('fred')}, 'mail1', now() - interval '9 minutes', now() - interval '8 minutes', 'complete', 100)`)
  const [{ minutes, counted } = { minutes: [], counted: {} }] = (await look()).sources
  const sum = (of: (minute: (typeof minutes)[number]) => number) => minutes.reduce((all, one) => all + of(one), 0)
  t.same([Math.round(sum(({ messages }) => messages)), Math.round(sum(({ slots }) => slots))], [700, 3])
  t.equal(
    minutes.slice(-7).every(({ messages }) => messages === 0),
    true,
    'nothing lately',
  )
  t.ok(
    minutes.every(({ messages }) => messages < 401),
    'half of it in a minute',
  )
  t.match(counted, { people: 2, mean: 350, deviation: 250, largest: 600 })
})

t.test('an old server that lets no attempt work is away since the first of them', async (t) => {
  await run(`insert into attempt (migration_id, host, started_at, ended_at, outcome) values
    (${id('anna')}, 'mail1', now() - interval '6 minutes', now() - interval '6 minutes', 'old-timeout'),
    (${id('ben')}, 'mail1', now() - interval '5 minutes', now() - interval '5 minutes', 'old-unreachable'),
    (${id('anna')}, 'mail1', now() - interval '4 minutes', now() - interval '4 minutes', 'old-timeout')`)
  const [away] = (await look()).sources
  t.match(away, {
    successes: 2,
    errors: [
      { code: 'old-timeout', count: 2 },
      { code: 'old-unreachable', count: 1 },
    ],
  })
  t.equal(Math.round((Date.now() - (away?.awaySince?.getTime() ?? 0)) / 60_000), 6)
  await run(`update job set failures = 2, due_at = now() + interval '1 minute' where migration_id = ${id('anna')}`)
  t.match((await look()).retrying, [{ code: 'old-timeout', provider: 'kontor', people: 1 }])
  await run(`insert into attempt (migration_id, host, started_at, ended_at, outcome, messages)
    values (${id('ben')}, 'mail1', now() - interval '1 minute', now(), 'complete', 5)`)
  t.match((await look()).sources[0], { awaySince: null, successes: 3 })
})

t.test('who is copied, and where workers run, is told while it is so', async (t) => {
  await run(`insert into copying_host (id, host, folder) values ('x', 'mail1', '/x')`)
  await run(`insert into worker (id, copying_host_id, alive_until)
    values (gen_random_uuid(), 'x', now() + interval '10 seconds'), (gen_random_uuid(), 'x', now())`)
  await run(`update job set holder = gen_random_uuid(), leased_until = now() + interval '10 seconds', claimed_at = now()
    where migration_id = ${id('anna')}`)
  await run(`insert into attempt (migration_id, host, messages) values (${id('anna')}, 'mail1', 17)`)
  const { running, workers } = await look()
  t.match(running, [{ address: 'anna@kontor.example', provider: 'kontor', host: 'mail1', messages: 17, isFirst: true }])
  t.match(workers, [{ host: 'mail1', workers: 1 }])
  await run(`update job set leased_until = now() - interval '1 second' where holder is not null`)
  t.same((await look()).running, [])
})

t.test('who is proxied is across with the flip, and not with the mirror', async (t) => {
  const across = async () => {
    const { unflipped, acrossLastHour } = (await look()).sources[0]?.people ?? {}
    return { unflipped, acrossLastHour }
  }
  t.same(await across(), { unflipped: 0, acrossLastHour: 1 })
  await run(`update migration set route = 'source' where old_username = 'cleo'`)
  t.same(await across(), { unflipped: 1, acrossLastHour: 0 })
  await run(`update migration set route = 'held' where old_username = 'cleo'`)
  t.same(await across(), { unflipped: 1, acrossLastHour: 0 })
  await run(`update migration set route = 'destination', flipped_at = now() where old_username = 'cleo'`)
  await run(`update migration_transition set at = now() - interval '3 hours' where migration_id = ${id('cleo')}`)
  t.same(await across(), { unflipped: 0, acrossLastHour: 1 }, 'also where the mirror was proved long before')
})
