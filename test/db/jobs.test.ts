import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Job, JobKept, Jobs, Worker } from '../../src/copying/ports.ts'
import { advance } from '../../src/copying/schedule.ts'
import { attempts } from '../../src/db/attempts.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { jobs } from '../../src/db/jobs.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { transitions } from '../../src/db/transitions.ts'
import { parseAddress } from '../../src/model/address.ts'
import type { Outcome } from '../../src/model/attempt.ts'
import { finish, pause, requestFinish, resume, retry, type Transition } from '../../src/model/migration.ts'
import type { Provider } from '../../src/model/provider.ts'
import { changeSelected, type Selection, type Word } from '../../src/operations/migration-changes.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { isDue as isDueFor } from '../support/due.ts'
import { PROVIDER } from '../support/provider.ts'
import { until } from '../support/until.ts'

const ROOMY = { ...PROVIDER, name: 'roomy', maxConnections: 1000 }
const domainOf = ({ name }: Provider) => `${name}.example`
let database: Database
let all: Jobs
t.before(async () => {
  database = await openTestDatabase()
  for (const provider of [{ ...PROVIDER, maxConnections: 3 }, ROOMY]) {
    await providers(database.kysely).add(provider, BY)
    const name = domainOf(provider)
    await domains(database.kysely, '/home/%u').add(
      { name, newDomain: name, provider: provider.name, sharesNames: false },
      BY,
    )
  }
  all = jobs(database.kysely)
  await sql`insert into copying_host (id, host, folder) values ('here', 'host', '/here')`.execute(database.kysely)
})
t.after(() => database[Symbol.asyncDispose]())

const worker = (copyingHost = 'here', takesOver = false): Worker => ({
  ...{ id: randomUUID(), host: 'host', copyingHost, takesOver, early: false },
})
const early = (by: Worker): Worker => ({ ...by, early: true })
const SOMEBODY = worker()
const sealed = (byte: number) => ({ bytes: new Uint8Array([byte]), to: [] })

/** A person who has signed in; returns the number of the migration. */
async function provisioned(person: string, provider = ROOMY): Promise<string> {
  const address = parseAddress(`${person}@old.example`)
  if (address === null) throw new Error(person)
  await provisioner(database.kysely).provision({
    ...{ address, home: `/home/${person}`, passwordHash: 'hash', seenHash: null, sealed: sealed(1) },
    ...{ provider, oldDomain: domainOf(provider), oldUsername: address.text },
  })
  return (await migrations(database.kysely).find(address.text))?.id ?? ''
}

async function taken(id: string, by = SOMEBODY): Promise<Job> {
  const job = await all.claim(by, { migrationId: id })
  if (job === null) throw new Error('the job was not leased')
  return job
}

function end(job: Job, outcome: Outcome, by = SOMEBODY): Promise<JobKept | null> {
  const result = { outcome, folders: 1, messages: 2, output: 'with \0' }
  const plan = advance(job, outcome, 0.5)
  return all.end(job, by, {
    plan,
    attempt: { id: null, startedAt: new Date(), result },
    seen: outcome === 'complete' ? [] : null,
  })
}

const copied = (id: string, messages = 0) => new Map([[id, { messages, progress: null }]])
const isDue = (id: string, by = worker()) => isDueFor(database.kysely, id, by)
const expire = (id: string) =>
  sql`update job set leased_until = now() - interval '1 s' where migration_id = ${id}`.execute(database.kysely)

t.test('a job is due at the first login, and one of many workers that claim it gets it', async (t) => {
  const id = await provisioned('one')
  t.ok(await isDue(id))
  const asked = await Promise.all(Array.from({ length: 8 }, () => all.claim(worker(), { migrationId: id })))
  t.equal(asked.filter((job) => job !== null).length, 1)
  t.notOk(await isDue(id))
})

t.test('the end of a job is written down, and it is due again later', async (t) => {
  const id = await provisioned('two')
  t.ok(await end(await taken(id), 'complete'))
  t.match(await migrations(database.kysely).find('two@old.example'), { state: 'synced' })
  t.match(await attempts(database.kysely).last(id, 9), [{ outcome: 'complete', messages: 2, output: 'with \ufffd' }])
  t.notOk(await isDue(id), 'not now')
  t.match(
    await all.claim(early(SOMEBODY), { migrationId: id }),
    { completedAt: Date, seen: [] },
    'but when a person asks for it',
  )
})

t.test('a lease that is not renewed ends; who lost it writes nothing any more', async (t) => {
  const id = await provisioned('three')
  const job = await taken(id)
  await all.begin(job, SOMEBODY)
  await expire(id)
  const other = worker()
  t.equal((await all.renew(SOMEBODY, copied(id))).get(id), true, 'nobody has taken it yet')
  await expire(id)
  const again = await taken(id, other)
  t.equal((await all.renew(SOMEBODY, copied(id))).has(id), false)
  t.equal(await end(job, 'complete'), null)
  const unchanged = { plan: advance(job, 'unchanged', 0.5), attempt: null, seen: [] }
  t.equal(await all.end(job, SOMEBODY, unchanged), null, 'nor what needs no attempt')
  t.match(await migrations(database.kysely).find('three@old.example'), { state: 'pending' })
  t.match(await attempts(database.kysely).last(id, 9), [{ outcome: 'lost-lock' }])
  t.ok(await end(again, 'complete', other))
})

t.test('who is paused is never due, and is at once when resumed; so is who is retried or healed', async (t) => {
  const id = await provisioned('four')
  const step = (step: typeof pause) =>
    migrations(database.kysely).take('four@old.example', step, { ...BY, action: 'step' })
  const job = await taken(id)
  await step(pause)
  t.equal((await all.renew(SOMEBODY, copied(id))).get(id), false, 'whoever copies is told')
  await end(job, 'stopped')
  t.notOk(await isDue(id))
  await step(resume)
  t.ok(await isDue(id))
  await end(await taken(id), 'old-shrunk')
  t.match(await migrations(database.kysely).find('four@old.example'), { state: 'failed', code: 'old-shrunk' })
  t.notOk(await isDue(id))
  t.equal(await all.claim(early(SOMEBODY), { migrationId: id }), null, 'nobody copies what has failed')
  await step(retry)
  t.ok(await isDue(id))
  const overruling = await taken(id)
  t.equal(overruling.overruled, 'old-shrunk')
  await end(overruling, 'credential-refused')
  await credentials(database.kysely).renew('four@old.example', sealed(2), '/home/four', BY)
  t.ok(await isDue(id))
  await step(finish)
  t.notOk(await isDue(id))
})

t.test('what the ledger says stays with a migration until a ledger is clean', async (t) => {
  const id = await provisioned('proved')
  const found = () => migrations(database.kysely).find('proved@old.example')
  const next = async (outcome: Outcome) => {
    const job = await all.claim(early(SOMEBODY), { migrationId: id })
    if (job === null) throw new Error('the job was not leased')
    await end(job, outcome)
    return await found()
  }
  t.match(await next('ledger-differs'), { state: 'pending', code: 'ledger-differs' })
  t.match(await next('old-unreachable'), { state: 'pending', code: 'ledger-differs' })
  t.match(await next('ledger-shrunk'), { state: 'pending', code: 'ledger-shrunk' })
  t.match(await next('complete'), { state: 'synced', code: null })
})

t.test('a credential that was renewed while the old one was tried is not called refused', async (t) => {
  const id = await provisioned('five')
  const job = await taken(id)
  await credentials(database.kysely).renew('five@old.example', sealed(2), '/home/five', BY)
  await end(job, 'credential-refused')
  t.match(await migrations(database.kysely).find('five@old.example'), { state: 'pending', code: null })
  t.ok(await isDue(id))
})

t.test('a provider whose connections for copying are all in use is left out', async (t) => {
  const ids: string[] = []
  for (const person of ['a', 'b', 'c', 'd', 'e']) ids.push(await provisioned(person, PROVIDER))
  for (let running = 0; running < 2; running++) {
    t.ok((await all.providers(worker())).includes(PROVIDER.name), `${running} are in use`)
    t.match(await all.claim(worker(), { provider: PROVIDER.name }), { migrationId: ids[running] }, 'the oldest first')
  }
  t.notOk((await all.providers(worker())).includes(PROVIDER.name))
  const { rows: opened } = await sql`select from credential
    where migration_id = any(${ids}::bigint[]) and opened_at is not null`.execute(database.kysely)
  t.equal(opened.length, 2, 'nobody else’s credential is called opened')
})

t.test('a migration stays with its sync state, unless another copying host takes it over', async (t) => {
  const id = await provisioned('six')
  await end(await taken(id), 'stopped')
  t.ok(await isDue(id), 'another worker of the same copying host')
  const elsewhere = worker('elsewhere')
  t.notOk(await isDue(id, elsewhere))
  t.equal(await all.claim(early(elsewhere), { migrationId: id }), null)
  t.ok(await isDue(id, worker('elsewhere', true)))
  const adopted = await taken(id, { ...elsewhere, takesOver: true })
  t.equal(adopted.overruled, 'state-lost', 'that its state is not here is known')
  await end(adopted, 'stopped', elsewhere)
  t.ok(await isDue(id, elsewhere))
})

t.test('only so many attempts are kept', async (t) => {
  const id = await provisioned('seven')
  for (let at = 0; at < 105; at++) await end(await taken(id), 'stopped')
  t.equal((await attempts(database.kysely).last(id, 1000)).length, 100)
})

t.test('of more attempts those are kept that a claim reads', async (t) => {
  const id = await provisioned('guarded')
  const now = early(SOMEBODY)
  await sql`insert into attempt (migration_id, host, ended_at, outcome) values (${id}, 'host', now(), 'old-recreated')`.execute(
    database.kysely,
  )
  await end(await taken(id, now), 'complete')
  for (let at = 0; at < 102; at++) await end(await taken(id, now), 'stopped')
  const kept = await attempts(database.kysely).last(id, 1000)
  t.match(kept.slice(-3), [{ outcome: 'stopped' }, { outcome: 'complete' }, { outcome: 'old-recreated' }])
  t.equal(kept.length, 102)
  t.equal((await taken(id, now)).overruled, null, 'a complete one came after')
})

t.test('outside of its provider’s window a migration is due, begun and renewed only for who asks for it', async (t) => {
  const db = database.kysely
  const set = (from: number, until: number) => {
    const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16)
    return providers(db).set({ ...ROOMY, window: { from: at(from), until: at(until), zone: 'UTC' } }, BY)
  }
  const id = await provisioned('window')
  const orders = () => migrations(db).readOrders({ provider: ROOMY.name }, ({ ids }) => Array.fromAsync(ids))
  const waiting: Record<string, number> = {}
  for (const [from, until, open] of [
    [-1, 1, true],
    [1, 2, false],
    [1, -1, false],
    [-1, -2, true],
  ] as const) {
    await set(from, until)
    t.equal(await isDue(id), open, `${from} to ${until}`)
    t.equal((await orders()).includes(id), open, 'as for cron')
    waiting[String(open)] = (await all.count(worker())).waiting
  }
  t.ok(Number(waiting.false) < Number(waiting.true), 'nobody waits for the window to open')
  await set(1, 2)
  t.equal(await all.claim(SOMEBODY, { migrationId: id }), null)
  await set(-1, 1)
  const job = await taken(id)
  await set(1, 2)
  t.equal((await all.renew(SOMEBODY, copied(id))).get(id), false, 'it ends with the window')
  await end(job, 'stopped')
  const asked = early(SOMEBODY)
  t.ok(await all.claim(asked, { migrationId: id }), 'a person wants it now')
  t.equal((await all.renew(asked, copied(id))).get(id), true)
  await providers(db).set(ROOMY, BY)
})

t.test('a window goes by the clocks of its zone, over midnight and when they change', async (t) => {
  const db = database.kysely
  const isOpen = async (from: string, until: string, zone: string, moment: string) => {
    await providers(db).set({ ...ROOMY, window: { from, until, zone } }, BY)
    const { rows } = await sql<{ open: boolean }>`
      select is_open(provider, ${moment}::timestamptz) as open from provider where name = ${ROOMY.name}`.execute(db)
    return rows[0]?.open
  }
  for (const [from, until, zone, moment, open] of [
    ['20:00', '06:00', 'UTC', '2026-06-01T19:59:59Z', false],
    ['20:00', '06:00', 'UTC', '2026-06-01T20:00:00Z', true],
    ['20:00', '06:00', 'UTC', '2026-06-02T00:00:00Z', true],
    ['20:00', '06:00', 'UTC', '2026-06-02T06:00:00Z', false],
    ['20:00', '06:00', 'Europe/Berlin', '2026-01-15T18:30:00Z', false],
    ['20:00', '06:00', 'Europe/Berlin', '2026-07-15T18:30:00Z', true],
    // 02:00 becomes 03:00 at 01:00Z: that night has no half past two.
    ['02:00', '03:00', 'Europe/Berlin', '2026-03-29T00:59:59Z', false],
    ['02:00', '03:00', 'Europe/Berlin', '2026-03-29T01:00:00Z', false],
    ['02:00', '03:00', 'Europe/Berlin', '2026-03-30T00:30:00Z', true],
    // 03:00 becomes 02:00 at 01:00Z: that night has it twice.
    ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T00:30:00Z', true],
    ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T01:30:00Z', true],
    ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T02:00:00Z', false],
    ['09:00', '10:00', 'Asia/Kolkata', '2026-06-01T03:30:00Z', true],
  ] as const) {
    t.equal(await isOpen(from, until, zone, moment), open, `${from}-${until} ${zone} at ${moment}`)
  }
  await t.rejects(isOpen('20:00', '06:00', 'Mars/Base', '2026-06-01T00:00:00Z'), {
    message: /does not know the time zone Mars\/Base/,
  })
  await providers(db).set(ROOMY, BY)
  t.type(await all.providers(worker()), Array, 'and everybody else is found')
})

t.test('workers are notified of every job that becomes due otherwise than by the clock', async (t) => {
  const db = database.kysely
  let heard = 0
  using listener = database.listen('postferry_jobs', () => {
    heard++
  })
  await until(listener.isListening, 'it listens')
  const change = (step: Transition) => () =>
    migrations(db).take('noted@old.example', step, { ...BY, action: 'migration.step' })
  const many = (word: Word, who: Selection) => changeSelected(word, who, { transitions: transitions(db) }, BY)
  const noted = { addresses: ['noted@old.example'] }
  const changes: Record<string, () => Promise<unknown>> = {
    'a first sign-in': () => provisioned('noted'),
    'a retry': change(retry),
    'a request to finish': change(requestFinish),
    'a resumption': async () => {
      await change(pause)()
      await change(resume)()
    },
    'a retry of many': () => many('retry', noted),
    'a resumption of many': async () => {
      await many('pause', noted)
      await many('resume', noted)
    },
    'a credential': async () => {
      await sql`update migration set state = 'failed', code = 'credential-refused' where address = 'noted@old.example'`.execute(
        db,
      )
      await credentials(db).renew('noted@old.example', sealed(2), '/home/noted', BY)
    },
  }
  for (const [what, make] of Object.entries(changes)) {
    heard = 0
    await make()
    await until(() => heard > 0, what)
    t.pass(what)
  }
})

t.end()
