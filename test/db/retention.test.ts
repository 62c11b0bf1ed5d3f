import { sql } from 'kysely'
import t from 'tap'
import { eraseOld } from '../../src/copying/retention.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { domains } from '../../src/db/domains.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { reports } from '../../src/db/reports.ts'
import { retention } from '../../src/db/retention.ts'
import { parseAddress } from '../../src/model/address.ts'
import type { Periods } from '../../src/model/retention.ts'
import { burnDownOf, reportOn, type Scope, warning } from '../../src/operations/report.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

const ACTOR = 'sync on host'
const FOR_EVER: Periods = { audit: 0, attempts: 0, steps: 0, ledgers: 0, credentials: 0 }
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROVIDER, BY)
  const domain = { name: 'old.example', newDomain: 'old.example', provider: PROVIDER.name, sharesNames: false }
  await domains(database.kysely, '/home/%u').add(domain, BY)
})
t.after(() => database[Symbol.asyncDispose]())
t.beforeEach(() => query('truncate retention, audit, migration, account cascade'))

const query = async (text: string) => (await sql.raw<Record<string, unknown>>(text).execute(database.kysely)).rows

async function erase(periods: Partial<Periods>): Promise<void> {
  // As if the last look were long ago.
  await query(`update retention set looked_at = now() - interval '2 hours'`)
  const stop = new AbortController().signal
  await eraseOld({ ...FOR_EVER, ...periods }, ACTOR, retention(database.kysely), stop)
}

/** Somebody who has signed in; returns the number of the migration. */
async function provisioned(person: string, state = 'pending'): Promise<string> {
  const address = parseAddress(`${person}@old.example`)
  if (address === null) throw new Error(person)
  await provisioner(database.kysely).provision({
    ...{
      address,
      home: `/home/${person}`,
      passwordHash: 'hash',
      seenHash: null,
      sealed: { bytes: new Uint8Array([1]), to: [] },
    },
    ...{ provider: PROVIDER, oldDomain: 'old.example', oldUsername: address.text },
  })
  await query(`update migration set state = '${state}' where address = '${address.text}'`)
  const [row] = await query(`select id from migration where address = '${address.text}'`)
  return String(row?.id)
}

const reported = (scope: Scope = {}) =>
  reportOn(scope, new Date(), {
    reports: reports(database.kysely),
    copying: { migrationIds: async () => [] },
    copyingHosts: { stranded: async () => [] },
    collisions: { wanted: async () => [] },
  })

t.test('what is older than it is kept goes, in as many pieces as it takes; what is kept for ever stays', async (t) => {
  await query(`insert into audit (at, actor, action, subject)
    select now() - n % 2 * interval '41 days', 'x', 'y', n::text from generate_series(1, 5000) n`)
  await erase({})
  t.match(await query('select count(*)::int from audit'), [{ count: 5000 }])
  await erase({ audit: 40 })
  t.match(await query("select count(*)::int, bool_and(at > now() - interval '1 day') as young from audit"), [
    { count: 2500, young: true },
  ])
  const [told] = (await reported()).erased
  t.match(told, { what: 'audit', days: 40, erased: 2500 })
})

t.test('one worker looks for all, and again when the period changes', async (t) => {
  const kept = retention(database.kysely)
  t.ok(await kept.begin('audit', 40))
  t.notOk(await kept.begin('audit', 40), 'another worker')
  t.ok(await kept.begin('audit', 30))
  await query(`update retention set looked_at = now() - interval '61 minutes'`)
  t.ok(await kept.begin('audit', 30))
})

t.test('attempts that a claim reads are kept while the migration lasts', async (t) => {
  const [anna, ben] = [await provisioned('anna'), await provisioned('ben', 'done')]
  for (const id of [anna, ben]) {
    await query(`insert into attempt (migration_id, host, started_at, ended_at, outcome, messages)
      select ${id}, 'h', now() - days * interval '1 day', now() - days * interval '1 day', outcome, messages
      from (values (100, 'complete', 7), (99, 'complete', 0), (98, 'old-shrunk', 0), (97, 'stopped', 0),
        (96, 'stopped', 0), (5, 'stopped', 0)) as a (days, outcome, messages)`)
  }
  await erase({ attempts: 90 })
  const left = (id: string) => query(`select outcome, messages from attempt where migration_id = ${id} order by id`)
  t.same(await left(anna), [
    { outcome: 'complete', messages: 7 },
    { outcome: 'complete', messages: 0 },
    { outcome: 'old-shrunk', messages: 0 },
    { outcome: 'stopped', messages: 0 },
  ])
  t.same(await left(ben), [{ outcome: 'stopped', messages: 0 }])
})

t.test('steps are drawn together, and the burn-down since then stays as it was', async (t) => {
  const ids = [await provisioned('anna', 'synced'), await provisioned('ben', 'failed')]
  await query('delete from migration_transition')
  const steps = ['awaited', 'pending', 'synced', 'pending', 'synced', 'failed', 'pending']
  for (const [at, id] of ids.entries()) {
    for (const [number, state] of [...steps, at === 0 ? 'synced' : 'failed'].entries()) {
      const days = number < 7 ? 500 - number * 10 : 5
      const from = number === 0 ? 'null' : `'${steps[number - 1]}'`
      await query(`insert into migration_transition (migration_id, at, from_state, to_state)
        values (${id}, now() - ${days} * interval '1 day', ${from}, '${state}')`)
    }
  }
  const recent = async () => (await reported()).burnDown.slice(-10)
  const before = await recent()
  t.match(before.at(-1), { synced: 1, failed: 1, pending: 0, remaining: 1 })
  await erase({ steps: 400 })
  t.same(await recent(), before)
  t.same(
    await query(`select from_state, to_state from migration_transition where migration_id = ${ids[0]} order by at`),
    [
      { from_state: null, to_state: 'synced' },
      { from_state: 'synced', to_state: 'pending' },
      { from_state: 'pending', to_state: 'synced' },
    ],
  )
  const left = await query('select count(*)::int from migration_transition')
  await erase({ steps: 400 })
  t.same(await query('select count(*)::int from migration_transition'), left, 'once is enough')
  t.ok(burnDownOf(await reports(database.kysely).days({}), new Date()).length > 400)
})

t.test('of a finished person’s ledger single messages go, and what was proved stays', async (t) => {
  for (const id of [await provisioned('anna', 'done'), await provisioned('ben', 'synced')]) {
    await query(
      `insert into ledger (migration_id, taken_at, seconds, fetched) values (${id}, now() - interval '401 days', 1, 1)`,
    )
    await query(`insert into ledger_folder (migration_id, name, directory, state, messages, proved, extra, duplicated,
      counts, proved_uids, accepted_uids) values (${id}, 'INBOX', '', 'there', 1, 1, 0, 0, '{}', '1:9', '')`)
    await query(`insert into ledger_difference (migration_id, number, kind, folder, uid, message_id, size, old, now)
      select ${id}, n, 'missing', 'INBOX', n, '<x>', 1, '', '' from generate_series(1, 1500) n`)
  }
  await erase({ ledgers: 400 })
  t.same(await query('select count(*)::int, count(distinct migration_id)::int as people from ledger_difference'), [
    { count: 1500, people: 1 },
  ])
  t.same(await query('select proved_uids from ledger_folder'), [{ proved_uids: '1:9' }, { proved_uids: '1:9' }])
})

t.test(
  'credentials of people who never finish are told for a month, then erased, and that is in the audit',
  async (t) => {
    const [old, young] = [await provisioned('anna', 'synced'), await provisioned('ben')]
    const renewed = await provisioned('cleo', 'failed')
    await query(`update migration set created_at = now() - interval '710 days' where id in (${old}, ${renewed})`)
    await query(`update credential set sealed_at = now() - interval '705 days' where migration_id = ${old}`)
    t.equal((await reported()).expiring.at, null, 'no worker has looked yet')
    await erase({ credentials: 730 })
    t.same(
      await query('select migration_id from credential order by 1'),
      [old, young, renewed].map((id) => ({ migration_id: id })),
    )
    const soon = await reported()
    t.match(soon.expiring, { people: 1, addresses: ['anna@old.example'] })
    t.match(
      warning(soon),
      /^the kept passwords of 1 unfinished migrations are erased from 20\d\d-\d\d-\d\d on .*: anna@old/,
    )
    const inDays = ((soon.expiring.at?.getTime() ?? 0) - Date.now()) / 86_400_000
    t.ok(inDays > 24.9 && inDays < 25.1, `in ${inDays} days`)
    t.equal((await reported({ provider: 'another' })).expiring.people, 0)

    await erase({ credentials: 700 })
    t.same(
      await query('select migration_id from credential order by 1'),
      [young, renewed].map((id) => ({ migration_id: id })),
    )
    t.match(await query(`select actor, subject, detail from audit where action = 'credential.erase'`), [
      { actor: ACTOR, subject: 'anna@old.example', detail: /^kept since 20\d\d-\d\d-\d\d$/ },
    ])
    t.equal(warning(await reported()), null)
  },
)

t.test('it ends between two pieces when it is stopped', async (t) => {
  await query(`insert into audit (at, actor, action, subject)
    select now() - interval '9 days', 'x', 'y', n::text from generate_series(1, 2500) n`)
  const stop = new AbortController()
  const kept = retention(database.kysely)
  await eraseOld(
    { ...FOR_EVER, audit: 1 },
    ACTOR,
    {
      begin: kept.begin,
      async erase(what, days, actor) {
        stop.abort()
        return await kept.erase(what, days, actor)
      },
    },
    stop.signal,
  )
  t.match(await query('select count(*)::int from audit'), [{ count: 1500 }])
  t.equal((await reported()).erased.length, 1)
})

t.end()
