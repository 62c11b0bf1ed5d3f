import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Worker } from '../../src/copying/ports.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { copyingHosts } from '../../src/db/copying-hosts.ts'
import { domains } from '../../src/db/domains.ts'
import { jobs } from '../../src/db/jobs.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { transitions } from '../../src/db/transitions.ts'
import { parseAddress } from '../../src/model/address.ts'
import { retry } from '../../src/model/migration.ts'
import { changeMigrations } from '../../src/operations/migration-changes.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { isDue } from '../support/due.ts'
import { performing } from '../support/perform.ts'
import { PROVIDER } from '../support/provider.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add({ ...PROVIDER, maxConnections: 1000 }, BY)
  const domain = { name: 'old.example', newDomain: 'old.example', provider: PROVIDER.name, sharesNames: false }
  await domains(database.kysely, '/home/%u').add(domain, BY)
})
t.after(() => database[Symbol.asyncDispose]())

const ABLE = { engine: 'doveadm', why: 'Dovecot 2.3.19.1 is here', cannotFlip: null } as const
const tell = async () => ABLE
const all = () => copyingHosts(database.kysely)
const worker = (copyingHost: string, host = 'one'): Worker => ({
  ...{ id: randomUUID(), host, copyingHost, takesOver: false, early: true },
})

/** A person whom a worker has copied, and who is due again. */
async function copiedBy(person: string, by: Worker): Promise<string> {
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
  const id = (await migrations(database.kysely).find(address.text))?.id ?? ''
  await jobs(database.kysely).claim(by, { migrationId: id })
  await sql`update job set holder = null, leased_until = null, due_at = now() where migration_id = ${id}`.execute(
    database.kysely,
  )
  return id
}
/** An hour later. */
const passesBy = (copyingHost: string) =>
  sql`update copying_host set seen_at = seen_at - interval '61 minutes' where id = ${copyingHost}`.execute(
    database.kysely,
  )
const mayTake = (id: string, by: Worker) => isDue(database.kysely, id, by)
const retried = (person: string) =>
  migrations(database.kysely).take(`${person}@old.example`, retry, { ...BY, action: 'migration.retry' })

async function retriedByMany(person: string): Promise<void> {
  const deps = { transitions: transitions(database.kysely), domains: domains(database.kysely, '/home/%u') }
  await performing(deps)(changeMigrations, { action: 'retry', addresses: [`${person}@old.example`] })
}

t.test(
  'people of a copying host without a worker are reported to the others, an hour after the last worker ended',
  async (t) => {
    const [here, there] = [worker('here'), worker('there', 'two')]
    const serving = await all().serve(here, '/state', tell)
    const id = await copiedBy('anna', here)
    t.same(await all().strandedBesides('there'), [])
    t.notOk(await mayTake(id, there))
    await serving[Symbol.asyncDispose]()
    t.same(await all().strandedBesides('there'), [], 'it rests between two runs of cron')
    await passesBy('here')
    t.same(await all().strandedBesides('there'), [{ host: 'one', folder: '/state', people: 1 }])
    t.same(await all().strandedBesides('here'), [], 'the own worker takes them')
    t.same(await all().stranded({}), [], 'an installation with one copying host rests between two runs of cron')
    await using _ = await all().serve(there, '/state', tell)
    t.same(await all().stranded({}), [{ host: 'one', folder: '/state', people: 1 }])
    t.same(await all().stranded({ provider: 'another' }), [])
    t.notOk(await mayTake(id, there), 'the same folder of another host is another one')
  },
)

t.test('a retry gives a migration to any copying host, an hour after the last worker ended on its own', async (t) => {
  const [here, there] = [worker('home'), worker('abroad', 'three')]
  const serving = await all().serve(here, '/home-state', tell)
  const id = await copiedBy('ben', here)
  await retried('ben')
  t.notOk(await mayTake(id, there), 'it is for that worker to take her')
  await serving[Symbol.asyncDispose]()
  await retried('ben')
  await retriedByMany('ben')
  t.notOk(await mayTake(id, there), 'it may come back')
  await passesBy('home')
  await retried('ben')
  t.ok(await mayTake(id, there))
  t.ok(await mayTake(id, here), 'also for the one that comes back')
  t.match(await jobs(database.kysely).claim(there, { migrationId: id }), { overruled: 'state-lost' })
  await using _ = await all().serve(there, '/abroad', tell)
  t.match(await all().of(id), { id: 'abroad', host: 'three', folder: '/abroad' })
  t.notOk(await mayTake(id, here))
})

t.test('who takesOver takes whom no worker is there for', async (t) => {
  const [here, there] = [worker('manned'), { ...worker('adopting', 'five'), takesOver: true }]
  const serving = await all().serve(here, '/manned', tell)
  const id = await copiedBy('dora', here)
  t.notOk(await mayTake(id, there))
  await serving[Symbol.asyncDispose]()
  t.ok(await mayTake(id, there), 'at once')
})

t.test('so does a retry of many', async (t) => {
  const [here, there] = [worker('cabin'), worker('camp', 'six')]
  const serving = await all().serve(here, '/cabin', tell)
  const id = await copiedBy('emil', here)
  await serving[Symbol.asyncDispose]()
  await passesBy('cabin')
  await retriedByMany('emil')
  t.ok(await mayTake(id, there))
})

t.test(
  'a new sync state in a folder gets the people of the one before, unless a worker runs with that one',
  async (t) => {
    const [before, after] = [worker('before', 'four'), worker('after', 'four')]
    const serving = await all().serve(before, '/replaced', tell)
    const id = await copiedBy('cleo', before)
    await using _ = await all().serve(after, '/replaced', tell)
    t.notOk(await mayTake(id, after), 'another host of that name')
    await serving[Symbol.asyncDispose]()
    await using again = await all().serve({ ...after, id: randomUUID() }, '/replaced', tell)
    t.ok(again)
    t.ok(await mayTake(id, after))
    t.match(await all().lastAt('four', '/replaced'), { id: 'after', people: 1 })
  },
)

t.end()
