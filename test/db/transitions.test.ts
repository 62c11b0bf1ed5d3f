import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Worker } from '../../src/copying/ports.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { domains } from '../../src/db/domains.ts'
import { jobs } from '../../src/db/jobs.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { transitions } from '../../src/db/transitions.ts'
import { pause } from '../../src/model/migration.ts'
import { changeMigrations, type Transitions, type Word } from '../../src/operations/migration-changes.ts'
import type { Said } from '../../src/operations/operation.ts'
import { entriesOf } from '../support/audit.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { performing } from '../support/perform.ts'
import { PROVIDER } from '../support/provider.ts'

const WORKER: Worker = { id: randomUUID(), host: 'host', copyingHost: 'here', takesOver: false, early: false }
let database: Database
let many: ReturnType<typeof manyWith>
t.before(async () => {
  database = await openTestDatabase()
  for (const name of ['old', 'other']) await providers(database.kysely).add({ ...PROVIDER, name }, BY)
  many = manyWith(transitions(database.kysely))
})
t.after(() => database[Symbol.asyncDispose]())

/** So many people, by their states as SQL writes them; everybody else is gone, and so is what was written down. */
async function people(states: Record<string, number>, provider = 'old'): Promise<void> {
  await sql`truncate migration, audit cascade`.execute(database.kysely)
  for (const [state, count] of Object.entries(states)) await add(state, count, provider)
}

async function add(state: string, count: number, provider: string): Promise<void> {
  const [name = '', code = null] = state.split(':')
  const address = sql`${`${name}${code ?? ''}`} || n || ${`@${provider}.example`}`
  await sql`insert into migration
      (address, provider_id, old_domain, old_username, state, paused_from, code, route, home, changed_at)
    select ${address}, provider.id, 'old.example', ${address}, ${name}, case ${name} when 'paused' then 'synced' end, ${code},
      'destination', '/h/' || ${address}, now() - interval '1 hour'
    from provider cross join generate_series(1, ${count}::int) as n where provider.name = ${provider}`.execute(
    database.kysely,
  )
  await sql`update job set due_at = now() + interval '1 hour', failures = 5 where due_at < 'infinity'`.execute(
    database.kysely,
  )
}

/** Changes many by these transitions. */
function manyWith(transitions: Transitions) {
  const perform = performing({
    ...{ transitions, providers: providers(database.kysely), domains: domains(database.kysely, '/home/%u') },
  })
  const change = async (action: Word, who: Who, more: Said) => {
    const whom = 'addresses' in who ? { addresses: who.addresses } : { ...who.filter, all: 'true' }
    const { changed, refused } = await perform(changeMigrations, { ...whom, ...more, action })
    return { changed, refused }
  }
  return {
    preview: (action: Word, who: Who) => change(action, who, { dry_run: 'true' }),
    carryOut: (action: Word, who: Who, reason?: string) => change(action, who, { reason }),
  }
}

type Who = { readonly filter: Said } | { readonly addresses: readonly string[] }

const all = { filter: {} }
const states = async () => {
  const { rows } = await sql<{ state: string; count: number }>`
    select state || case when finish_requested_at is not null then ' finishing' else '' end as state, count(*)::int as count
      from migration group by 1 order by 1`.execute(database.kysely)
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}
const entries = () => entriesOf(database.kysely)
const due = async () => (await jobs(database.kysely).count(WORKER)).waiting

t.test('what a bulk action would change is told by states and reasons, and nothing is changed', async (t) => {
  await people({ pending: 3, synced: 2, 'failed:new-full': 2, 'failed:old-shrunk': 1, paused: 4, done: 5 })
  t.same(sorted(await many.preview('pause', all)), {
    changed: [
      { from: 'failed', to: 'paused', count: 3 },
      { from: 'pending', to: 'paused', count: 3 },
      { from: 'synced', to: 'paused', count: 2 },
    ],
    refused: [
      { reason: 'the migration is done already', count: 5 },
      { reason: 'the migration is paused already', count: 4 },
    ],
  })
  t.same(await states(), { done: 5, failed: 3, paused: 4, pending: 3, synced: 2 })
  t.same(await entries(), [])
})

t.test('a bulk action does what its preview says, in the audit as single steps are', async (t) => {
  await people({ pending: 2, 'failed:new-full': 1, done: 1, awaited: 1 })
  const told = await many.preview('pause', all)
  t.same(await many.carryOut('pause', all, 'a bad night'), told)
  t.same(await states(), { done: 1, paused: 4 })
  const written = (await entries()).sort((one, other) => one.subject.localeCompare(other.subject))
  const paused = (subject: string, from: string) => {
    return { subject, actor: 'tests', action: 'migration.pause', reason: 'a bad night', detail: `${from} → paused` }
  }
  t.match(written, [
    paused('awaited1@old.example', 'awaited'),
    paused('failednew-full1@old.example', 'failed'),
    paused('pending1@old.example', 'pending'),
    paused('pending2@old.example', 'pending'),
  ])
  t.equal(written.length, 4)
  await many.carryOut('resume', all)
  t.same(await states(), { awaited: 1, done: 1, failed: 1, pending: 2 })
  t.match(await migrations(database.kysely).find('failednew-full1@old.example'), { code: 'new-full', pausedFrom: null })
  const { rows } =
    await sql`select from_state, to_state from migration_transition where from_state is not null`.execute(
      database.kysely,
    )
  t.equal(rows.length, 8, 'every state is kept for the reports')
})

t.test('a selection is a filter or addresses', async (t) => {
  await people({ pending: 3, synced: 3 })
  await add('pending', 2, 'other')
  t.match(await many.carryOut('pause', { filter: { provider: 'other' } }), { changed: [{ count: 2 }] })
  t.match(await many.carryOut('pause', { filter: { state: 'synced', search: 'd1@' } }), { changed: [{ count: 1 }] })
  const addresses = ['pending1@old.example', 'paused1@nowhere.example', 'pending3@old.example']
  t.match(await many.carryOut('pause', { addresses }), { changed: [{ from: 'pending', count: 2 }], refused: [] })
  t.same(await states(), { paused: 5, pending: 1, synced: 2 })
  t.same(await many.carryOut('resume', { addresses: [] }), { changed: [], refused: [] })
})

t.test('a retry makes all jobs due at once, and changes nobody who is active', async (t) => {
  await people({ pending: 2, synced: 1, 'failed:new-full': 3, paused: 1 })
  t.equal(await due(), 0)
  t.match(sorted(await many.carryOut('retry', all)), {
    changed: [{ from: 'failed', to: 'pending', count: 3 }, { count: 2 }, { count: 1 }],
    refused: [{ reason: /resume it first/, count: 1 }],
  })
  t.same(await states(), { paused: 1, pending: 5, synced: 1 })
  t.equal(await due(), 6)
  const synced = await migrations(database.kysely).find('synced1@old.example')
  t.ok(Date.now() - (synced?.changedAt.getTime() ?? 0) > 3_000_000, 'its row is as it was')
  const { rows } = await sql`select from job where failures > 0 and due_at < 'infinity'`.execute(database.kysely)
  t.equal(rows.length, 0, 'failures are forgotten')
})

t.test('a finish is requested of whoever can be finished, and no more when paused or resumed', async (t) => {
  await people({ pending: 1, synced: 2, 'failed:new-full': 1, awaited: 1 })
  await many.carryOut('finish', all)
  t.same(await states(), { awaited: 1, failed: 1, 'pending finishing': 1, 'synced finishing': 2 })
  t.equal(await due(), 3)
  t.match(await many.preview('finish', { filter: { finish_requested: 'true' } }), {
    changed: [
      { from: 'synced', count: 2 },
      { from: 'pending', count: 1 },
    ],
    refused: [],
  })
  t.match(await many.carryOut('resume', { filter: { state: 'pending' } }), { changed: [{ count: 1 }] })
  t.same(await states(), { awaited: 1, failed: 1, pending: 1, 'synced finishing': 2 })
  t.equal(await migrations(database.kysely).count({ isFinishRequested: false }), 3)
  await many.carryOut('pause', { filter: { finish_requested: 'true' } })
  t.same(await states(), { awaited: 1, failed: 1, paused: 2, pending: 1 })
})

t.test('thousands are changed once each, whatever they become meanwhile', async (t) => {
  await people({ 'failed:new-full': 6_000, pending: 6_000 })
  t.match(sorted(await many.carryOut('retry', all)), {
    changed: [
      { from: 'failed', to: 'pending', count: 6_000 },
      { from: 'pending', to: 'pending', count: 6_000 },
    ],
  })
  t.same(await states(), { pending: 12_000 })
  t.equal((await entries()).length, 12_000)
  t.equal(await due(), 12_000)
})

/** Changes many, while something else happens after each transaction. */
function manyWhile(happens: () => Promise<unknown>) {
  const found = transitions(database.kysely)
  return manyWith({
    ...found,
    async *move(...given) {
      for await (const some of found.move(...given)) {
        yield some
        await happens()
      }
    },
  })
}

/** Those of the last transaction among these. */
const LAST = 'pending1200@old.example'

t.test('everybody is judged by the status that they have when it is their turn', async (t) => {
  await people({ pending: 1_200 })
  const late = manyWhile(async () => {
    const last = await migrations(database.kysely).find(LAST)
    if (last?.state === 'pending' && !last.isFinishRequested)
      await migrations(database.kysely).take(LAST, pause, { ...BY, action: 'migration.pause' })
  })
  t.same(await late.carryOut('finish', all), {
    changed: [{ from: 'pending', to: 'pending', count: 1_199 }],
    refused: [{ reason: 'the migration is paused: resume it first', count: 1 }],
  })
  t.same(await states(), { paused: 1, 'pending finishing': 1_199 })
})

t.test('who does not match any more by then is left alone', async (t) => {
  await people({ pending: 1_200 })
  const late = manyWhile(() =>
    sql`update migration set state = 'synced' where address = ${LAST}`.execute(database.kysely),
  )
  t.same(await late.carryOut('pause', { filter: { state: 'pending' } }), {
    changed: [{ from: 'pending', to: 'paused', count: 1_199 }],
    refused: [],
  })
  t.same(await states(), { paused: 1_199, synced: 1 })
})

t.test('who is to be led back to the old server is not finished with the others', async (t) => {
  await people({ synced: 1_200 })
  const returning = (address: string) =>
    sql`update migration set return_requested_at = now() where address = ${address}`.execute(database.kysely)
  await returning('synced1@old.example')
  t.match(await manyWhile(() => returning('synced1200@old.example')).carryOut('finish', all), {
    changed: [{ from: 'synced', to: 'synced', count: 1_198 }],
    refused: [{ reason: 'a return to the old server is requested', count: 2 }],
  })
  t.same(await states(), { synced: 2, 'synced finishing': 1_198 })
})

t.test('no lease is kept from being renewed until all are changed', async (t) => {
  await people({ pending: 1_200 })
  const { rows } = await sql<{ id: string }>`select id from migration order by id`.execute(database.kysely)
  const free: boolean[] = []
  const locking = async () => {
    const locked = await sql`select from job join migration on id = migration_id for update skip locked`.execute(
      database.kysely,
    )
    free.push(locked.rows.length === rows.length)
  }
  await manyWhile(locking).carryOut('retry', all)
  t.same(free, [true, true, true])
})

t.test('where it fails, what is done is told and stays, and the same again does the rest', async (t) => {
  await people({ pending: 1_200 })
  const failing = (error: Error) => manyWhile(() => Promise.reject(error))
  const away = Object.assign(new Error('shut down at 10.0.0.5'), { severity: 'FATAL', code: '57P01' })
  await t.rejects(failing(away).carryOut('pause', all), {
    code: 'unavailable',
    message: '500 migrations are changed, and then the database was away: the same again changes the rest',
  })
  t.same(await states(), { paused: 500, pending: 700 })
  t.equal((await entries()).length, 500)
  t.match(await many.carryOut('pause', all), { changed: [{ count: 700 }], refused: [{ count: 500 }] })
  const mistake = new TypeError('ours')
  await t.rejects(failing(mistake).carryOut('resume', all), mistake, 'a mistake of ours is none of the database')
})

t.test('where nothing is done yet, it fails as whatever fails', async (t) => {
  await people({ pending: 3 })
  const broken = new Error('the database is away')
  const failing = manyWith({
    ...transitions(database.kysely),
    // biome-ignore lint/correctness/useYield: it does not come to that.
    async *move() {
      throw broken
    },
  })
  await t.rejects(failing.carryOut('pause', all), broken)
})

t.test('two at once change everybody once', async (t) => {
  await people({ pending: 6_000 })
  const both = await Promise.all([1, 2].map(() => many.carryOut('pause', all)))
  const counts = both.map(({ changed }) => changed.reduce((sum, { count }) => sum + count, 0))
  t.equal((counts[0] ?? 0) + (counts[1] ?? 0), 6_000)
  t.equal((await entries()).length, 6_000)
})

function sorted({ changed, refused }: Awaited<ReturnType<typeof many.preview>>) {
  return {
    changed: [...changed].sort((one, other) => one.from.localeCompare(other.from)),
    refused: [...refused].sort((one, other) => one.reason.localeCompare(other.reason)),
  }
}

t.end()
