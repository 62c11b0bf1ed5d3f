import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import t from 'tap'
import type { Job } from '../../src/copying/ports.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { imports } from '../../src/db/imports.ts'
import { jobs } from '../../src/db/jobs.ts'
import { ledgers } from '../../src/db/ledgers.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { transitions } from '../../src/db/transitions.ts'
import { parseAddress } from '../../src/model/address.ts'
import { noCounts } from '../../src/model/ledger.ts'
import { finishMigration } from '../../src/operations/finish.ts'
import { changeSelected, type Selection, type Word } from '../../src/operations/migration-changes.ts'
import { entriesOf } from '../support/audit.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { performing } from '../support/perform.ts'
import { PROVIDER } from '../support/provider.ts'
import { addUnchangedPeople } from '../support/unchanged-source.ts'
import { until } from '../support/until.ts'

const UNCHANGED = { status: { state: 'synced', pausedFrom: null, code: null }, failures: 0, unchangedRuns: 1 } as const
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROVIDER, BY)
})
t.after(() => database[Symbol.asyncDispose]())

const add = (name: string, newDomain = name) =>
  domains(database.kysely, '/home/%u').add({ name, newDomain, provider: PROVIDER.name, sharesNames: false }, BY)
const names = async () => (await domains(database.kysely, '/home/%u').list()).map(({ name }) => name)

function provision(person: string, oldDomain: string) {
  const address = parseAddress(`${person}@${oldDomain}`)
  if (address === null) throw new Error(person)
  return provisioner(database.kysely).provision({
    ...{
      address,
      home: `/home/${person}`,
      passwordHash: 'hash',
      seenHash: null,
      sealed: { bytes: new Uint8Array([1]), to: ['age1'] },
    },
    ...{ provider: PROVIDER, oldDomain, oldUsername: address.text },
  })
}

/** How many connections wait for a lock. */
async function waiting(): Promise<number> {
  const text = `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return (await database.pool.query<{ count: number }>(text)).rows[0]?.count ?? 0
}

/**
 * Lets some things begin one after the other while something is locked, so that each waits for the one before; returns
 * how they end.
 */
async function whileLocked(
  lock: string,
  begin: readonly (() => Promise<unknown>)[],
  last: (client: pg.PoolClient) => Promise<unknown> = async () => undefined,
): Promise<string[]> {
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    await client.query(lock)
    const begun: Promise<unknown>[] = []
    for (const [at, one] of begin.entries()) {
      begun.push(one().catch((error: Error) => error))
      await until(async () => (await waiting()) > at, `number ${at + 1} waits`)
    }
    await last(client)
    await client.query('commit')
    return (await Promise.all(begun)).map((end) => (end instanceof Error ? end.message : 'done'))
  } finally {
    client.release()
  }
}

t.test('a domain is not removed under somebody who arrives', async (t) => {
  await add('first.example')
  const ends = await whileLocked('lock table credential in exclusive mode', [
    () => provision('anna', 'first.example'),
    () => domains(database.kysely, '/home/%u').remove('first.example', BY),
  ])
  t.match(ends, ['done', /still has unfinished migrations/])
  t.match(await names(), ['first.example'])
})

t.test('nobody arrives from a domain that was removed while they were on the way', async (t) => {
  await add('second.example')
  const ends = await whileLocked('lock table audit in exclusive mode', [
    () => domains(database.kysely, '/home/%u').remove('second.example', BY),
    () => provision('bert', 'second.example'),
  ])
  t.match(ends, ['done', /the domain changed in the meantime/])
  t.equal(await migrations(database.kysely).find('bert@second.example'), null)
})

t.test('nobody arrives from a domain that was closed while they were on the way', async (t) => {
  await add('closed.example')
  await provision('gina', 'closed.example')
  await database.pool.query(`update migration set state = 'done' where old_domain = 'closed.example'`)
  const ends = await whileLocked('lock table audit in exclusive mode', [
    () => domains(database.kysely, '/home/%u').remove('closed.example', BY),
    () => provision('hugo', 'closed.example'),
  ])
  t.match(ends, ['done', /the domain changed in the meantime/])
  t.equal(await migrations(database.kysely).find('hugo@closed.example'), null)
})

t.test('nobody is imported from a domain that was removed after the file was read', async (t) => {
  await add('third.example')
  const person = {
    ...{ number: 1, address: 'carl@third.example', provider: PROVIDER.name, oldDomain: 'third.example' },
    ...{ oldUsername: 'carl', home: '/home/carl', sealed: null, quotaBytes: null, taken: true },
  }
  const written = imports(database.kysely).gather(async (gathering) => {
    await gathering.add([person])
    await domains(database.kysely, '/home/%u').remove('third.example', BY)
    return await gathering.write(BY)
  })
  await t.rejects(written, { message: /third\.example was closed or removed meanwhile: import again/ })
  t.equal(await migrations(database.kysely).find('carl@third.example'), null)
})

t.test('two domains that are added at once make no chain', async (t) => {
  const ends = await whileLocked('lock table audit in exclusive mode', [
    () => add('from.example', 'between.example'),
    () => add('between.example', 'to.example'),
  ])
  t.match(ends, ['done', /becomes between\.example already/])
})

t.test('a forced finish tells of the ledger of the moment in which the migration is finished', async (t) => {
  await add('fourth.example')
  await provision('dora', 'fourth.example')
  const { id = '' } = (await migrations(database.kysely).find('dora@fourth.example')) ?? {}
  const folder = {
    ...{ name: 'INBOX', directory: '', state: 'there' as const, remark: null, messages: 10, proved: 10 },
    ...{ counts: noCounts(), extra: 0, duplicated: 0, uidValidity: 1, provedUids: '', lostUids: '', acceptedUids: '' },
    acceptedUnlisted: 0,
  }
  const clean = { takenAt: new Date(), seconds: 1, code: null, folders: [folder], fetched: 0, differences: [] }
  t.equal(await ledgers(database.kysely).save(id, clean, { after: null, holder: null }), 'saved')
  const deps = {
    migrations: migrations(database.kysely),
    domains: domains(database.kysely, '/home/%u'),
    digests: { remove: () => undefined },
  }
  const finish = () => performing(deps)(finishMigration, { address: 'dora@fourth.example', force: 'true' })
  const hold = `select from migration where id = ${id} for update`
  const ends = await whileLocked(hold, [finish], async (client) => {
    await client.query(`update ledger_folder set counts = counts || '{"missing": 3}' where migration_id = ${id}`)
    await client.query(`update ledger set code = 'differs' where migration_id = ${id}`)
  })
  t.same(ends, ['done'])
  t.match(await migrations(database.kysely).find('dora@fourth.example'), { state: 'done' })
  const [entry] = await entriesOf(database.kysely, { subjects: ['dora@fourth.example'] })
  t.match(entry, { action: 'migration.finish', detail: /differs: of 10 messages in 1 folders, 3 missing/ })
})

t.test('workers that claim, renew and end do not deadlock with changes of many migrations', async (t) => {
  await using crowd = await openTestDatabase()
  const db = crowd.kysely
  await addUnchangedPeople(crowd, 40)
  const all = jobs(db)
  const many = (word: Word, who: Selection) => changeSelected(word, who, { transitions: transitions(db) }, BY)
  const failures: unknown[] = []
  const work = async (rounds: number, round: () => Promise<unknown>) => {
    for (let done = 0; done < rounds; done++) await round().catch((error) => failures.push(error))
  }
  const worker = () => {
    const me = { id: randomUUID(), host: 'host', copyingHost: 'here', takesOver: false, early: false }
    return work(20, async () => {
      const held: Job[] = []
      for (let slot = 0; slot < 10; slot++) {
        const job = await all.claim(me, { provider: 'old' })
        if (job !== null) held.push(job)
      }
      // Those that were claimed last come first.
      await all.renew(
        me,
        new Map(held.reverse().map(({ migrationId }) => [migrationId, { messages: 1, progress: null }])),
      )
      for (const job of held) await all.end(job, me, { plan: { ...UNCHANGED, waitMs: 0 }, attempt: null, seen: null })
    })
  }
  const administrator = () =>
    work(20, async () => {
      await many('retry', { filter: {} })
      await many('pause', { filter: {} })
      await many('resume', { filter: {} })
    })
  const person = (number: number) =>
    work(20, () => credentials(db).renew(`p${number}@new.example`, { bytes: new Uint8Array(), to: [] }, '/', BY))
  await Promise.all([worker(), worker(), worker(), administrator(), person(1), person(2)])
  t.same(failures, [])
})

t.end()
