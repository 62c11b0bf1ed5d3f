import { sql } from 'kysely'
import t from 'tap'
import { boards } from '../../src/db/boards.ts'
import { providers } from '../../src/db/providers.ts'
import { transitions } from '../../src/db/transitions.ts'
import { stopFlips, stoppedText } from '../../src/operations/provider-flips.ts'
import { entriesOf } from '../support/audit.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { performing } from '../support/perform.ts'
import { PROVIDER } from '../support/provider.ts'

const PROXIED = { ...PROVIDER, engine: 'doveadm', cutover: 'proxied' } as const
/** More than are changed by one statement. */
const WAVE = 6_000

const database = await openTestDatabase()
t.teardown(() => database[Symbol.asyncDispose]())
const db = database.kysely
for (const [name, flip] of [
  ['manual', 'manual'],
  ['other', 'manual'],
  ['auto', 'auto'],
] as const)
  await providers(db).add({ ...PROXIED, name, flip }, BY)
await sql`insert into account (address, password_hash, password_source, home)
  select 'p' || n || '@' || name || '.example', '', 'source', '/h/' || n || name
    from provider, generate_series(1, ${WAVE}::int) as n where n <= case name when 'manual' then ${WAVE}::int else 3 end`.execute(
  db,
)
await sql`insert into migration (account_id, address, provider_id, old_domain, old_username, state, route, flip_requested_at)
  select account.id, address, provider.id, 'old.example', address, case when account.id % 2 = 0 then 'pending' else 'synced' end,
      'source', case when name <> 'auto' then now() end
    from account join provider on split_part(address, '@', 2) = name || '.example'`.execute(db)
const perform = performing({ providers: providers(db), transitions: transitions(db) })
const flipsOf = async (name: string) =>
  (await boards(db).look()).sources.find(({ provider }) => provider === name)?.flips
const one = sql`(select id from migration where address = 'p1@manual.example')`

t.test('the board counts who is mirrored, ready, held, in the wave and here', async (t) => {
  await sql`update job set completed_at = now() where migration_id in (select id from migration where state = 'synced')`.execute(
    db,
  )
  await sql`update migration set route = 'held' where id = ${one}`.execute(db)
  await sql`update migration set route = 'destination', flip_requested_at = null,
      flipped_at = now() - case address when 'p2@manual.example' then interval '1 minute' else interval '1 hour' end
    where address in ('p2@manual.example', 'p3@manual.example')`.execute(db)
  const { rows } = await sql<{ mirrored: number; ready: number }>`select count(*)::int as mirrored,
      (count(*) filter (where route = 'source'))::int as ready
    from migration where route <> 'destination' and state = 'synced' and address like '%@manual.example'`.execute(db)
  t.same(await flipsOf('manual'), {
    ...{ isAuto: false, atSource: WAVE - 2, ...rows[0], held: 1, requested: WAVE - 3 },
    ...{ flipped: 2, flippedLastTenMinutes: 1 },
  })
  t.match(await flipsOf('auto'), { isAuto: true, atSource: 3, requested: 0 })
})

t.test('a wave that is stopped is stopped for all who have not begun, and for nobody else', async (t) => {
  const stopped = await perform(stopFlips, { name: 'manual' })
  t.match(stopped, { people: WAVE - 3, begun: 1 })
  t.equal(
    stoppedText(stopped),
    'nobody of manual is flipped from now on: 5,997 requests are taken back; of 1 the flip had begun',
  )
  t.match(await flipsOf('manual'), { held: 1, requested: 0, atSource: WAVE - 2, flipped: 2 })
  t.match(await flipsOf('other'), { requested: 3 })
  const { rows } = await sql`select address from migration
    where flip_requested_at is not null and address like '%@manual.example'`.execute(db)
  t.same(rows, [{ address: 'p1@manual.example' }], 'whoever is held goes on')
  t.match(await entriesOf(db, { subjects: ['p9@manual.example'] }), [
    { actor: BY.actor, action: 'migration.stop-flip' },
  ])
})

t.test('a finish of who works on the old server still is part of the wave, and stops with it', async (t) => {
  const finishing = async (route: string, address: string) =>
    await sql`update migration set state = 'synced', finish_requested_at = now(), route = ${route} where address = ${address}`.execute(
      db,
    )
  await finishing('source', 'p4@manual.example')
  await finishing('destination', 'p2@manual.example')
  await sql`update migration set flip_requested_at = now() where address in ('p4@manual.example', 'p5@manual.example')`.execute(
    db,
  )
  await finishing('source', 'p6@manual.example')
  t.match(await flipsOf('manual'), { requested: 3 })
  const stopped = await perform(stopFlips, { name: 'manual' })
  t.match(stopped, { people: 3, finishes: 2, begun: 1 })
  t.match(stoppedText(stopped), /3 requests are taken back \(of a finish, which would flip first: 2\); of 1/)
  const { rows } = await sql<{ address: string }>`select address from migration
    where (flip_requested_at is not null or finish_requested_at is not null) and address like '%@manual.example' order by 1`.execute(
    db,
  )
  t.same(
    rows.map(({ address }) => address),
    ['p1@manual.example', 'p2@manual.example'],
    'who is held, or here already, goes on',
  )
  t.match(await entriesOf(db, { subjects: ['p6@manual.example'] }), [
    { action: 'migration.stop-flip', detail: 'no finish is requested any more' },
    { action: 'migration.stop-flip' },
  ])
})

t.test('who is flipped by itself is not any more', async (t) => {
  t.match(await perform(stopFlips, { name: 'auto' }), { provider: { flip: 'manual' }, people: 0, begun: 0 })
  t.equal((await providers(db).find('auto'))?.flip, 'manual')
  t.match(await entriesOf(db, { subjects: ['auto'] }), [{ action: 'provider.set' }, { action: 'provider.add' }])
})

t.end()
