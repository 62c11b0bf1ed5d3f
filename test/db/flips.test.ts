import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Job, Worker } from '../../src/copying/ports.ts'
import { advance } from '../../src/copying/schedule.ts'
import { accounts } from '../../src/db/accounts.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { domains } from '../../src/db/domains.ts'
import { flips } from '../../src/db/flips.ts'
import { announce } from '../../src/db/instances.ts'
import { jobs } from '../../src/db/jobs.ts'
import { migrations } from '../../src/db/migrations.ts'
import { owners } from '../../src/db/owners.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { holds, routes } from '../../src/db/routes.ts'
import { parseAddress } from '../../src/model/address.ts'
import { requestReturn, stopReturn } from '../../src/model/migration.ts'
import { confirmHolds, RouteReads } from '../../src/routing/holds.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'
import { until } from '../support/until.ts'

const WORKER: Worker = { id: randomUUID(), host: 'copyhost', copyingHost: 'here', takesOver: false, early: false }
const PROXIED = { ...PROVIDER, maxConnections: 1000, engine: 'doveadm', cutover: 'proxied' } as const
const LIMIT_MS = 60_000

let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROXIED, BY)
  const domain = { name: 'old.example', newDomain: 'old.example', provider: PROVIDER.name, sharesNames: false }
  await domains(database.kysely, '/home/%u').add(domain, BY)
})
t.after(() => database[Symbol.asyncDispose]())

const reads = new RouteReads()
const all = () => flips(database.kysely, 'sync on copyhost')
const routeOf = async (person: string) =>
  (await routes(database, reads).routeOf(`${person}@old.example`))?.route ?? null

/** A proxied person's job, leased. */
async function job(person: string): Promise<Job> {
  await provisioner(database.kysely).provision({
    ...{ address: parseAddress(`${person}@old.example`) as never, home: `/home/${person}`, passwordHash: 'hash' },
    ...{ seenHash: null, sealed: { bytes: new Uint8Array([1]), to: [] }, provider: PROXIED },
    ...{ oldDomain: 'old.example', oldUsername: person },
  })
  const found = await jobs(database.kysely).claim(WORKER, { provider: PROVIDER.name })
  if (found === null) throw new Error(`there is no job of ${person}`)
  return found
}

async function held(person: string, limitMs = LIMIT_MS): Promise<string> {
  return (await all().hold(await job(person), WORKER, limitMs)) ?? ''
}

t.test('a person goes from the source through a hold to the destination', async (t) => {
  const anna = await job('anna')
  t.match(anna, { order: { isMirrored: true }, moving: { route: 'source', hasAccount: true, unfinished: null } })
  t.equal(await routeOf('anna'), 'source')
  const hold = (await all().hold(anna, WORKER, LIMIT_MS)) ?? ''
  t.equal(await routeOf('anna'), 'held')
  t.match(await owners(database, reads).ownerOf('anna@old.example'), { isHere: false, isHeld: true })
  t.equal(await all().hold(anna, WORKER, LIMIT_MS), null, 'once')
  t.equal(await all().land(hold, ''), false, 'nothing has moved yet')
  t.equal(await all().begin(hold), true)
  t.equal(await all().begin(hold), false, 'once')
  const namespace = { prefix: 'INBOX.', separator: '.' }
  t.equal(await all().land(hold, 'here', namespace), true)
  t.match(await routes(database, reads).routeOf('anna@old.example'), { route: 'destination', account: { namespace } })
  t.match(await owners(database, reads).ownerOf('anna@old.example'), { isHere: true, isHeld: false })
  t.equal(await all().back(hold, 'too late'), 'landed', 'there is no way back')
  t.equal(await routeOf('anna'), 'destination')
  await all().forget(hold)
  t.equal(await all().back(hold, 'too late'), null)
})

t.test('a request that was taken back since the claim holds nobody, where nobody is flipped by itself', async (t) => {
  const job_ = await job('zoe')
  const set = (flip: 'auto' | 'manual') => providers(database.kysely).set({ ...PROXIED, flip }, BY)
  await set('manual')
  t.equal(await all().hold(job_, WORKER, LIMIT_MS), null)
  t.equal(await routeOf('zoe'), 'source')
  await set('auto')
  t.not(await all().hold(job_, WORKER, LIMIT_MS), null)
})

t.test(
  'who is flipped in the copying hours alone is not held outside of them, however early the claim is',
  async (t) => {
    const job_ = await job('hours')
    const hour = (ahead: number) => `${`${(new Date().getUTCHours() + ahead) % 24}`.padStart(2, '0')}:00`
    const set = (from: string, until: string) =>
      providers(database.kysely).set({ ...PROXIED, flip: 'window', window: { from, until, zone: 'UTC' } }, BY)
    await set(hour(2), hour(4))
    t.equal(await all().hold(job_, WORKER, LIMIT_MS), null)
    await set(hour(0), hour(2))
    t.not(await all().hold(job_, WORKER, LIMIT_MS), null)
    await providers(database.kysely).set(PROXIED, BY)
  },
)

t.test('who was led back is flipped on request alone, where others are flipped by themselves', async (t) => {
  const job_ = await job('yves')
  const set = (what: ReturnType<typeof sql>) =>
    sql`update migration set ${what} where address = 'yves@old.example'`.execute(database.kysely)
  await set(sql`returned_at = now(), flip_requested_at = null`)
  t.equal(await all().hold(job_, WORKER, LIMIT_MS), null, 'it was taken back since the claim')
  await set(sql`flip_requested_at = now()`)
  t.not(await all().hold(job_, WORKER, LIMIT_MS), null)
})

t.test('a password of the destination and a return exclude each other', async (t) => {
  const address = 'xenia@old.example'
  const setPassword = () => accounts(database.kysely).setPassword(address, 'hash of another', BY)
  const job_ = await job('xenia')
  await t.rejects(setPassword(), { message: /works on the old server still/ })
  const hold = (await all().hold(job_, WORKER, LIMIT_MS)) ?? ''
  await all().begin(hold)
  await all().land(hold, 'here')
  await all().forget(hold)
  await migrations(database.kysely).take(address, requestReturn, { ...BY, action: 'migration.request-return' })
  await t.rejects(setPassword(), { message: /a return .* is requested/ })
  await sql`update migration set return_requested_at = null where address = ${address}`.execute(database.kysely)
  t.equal(await setPassword(), true)
  await sql`update migration set return_requested_at = now() where address = ${address}`.execute(database.kysely)
  t.equal(await all().hold(job_, WORKER, LIMIT_MS, 'return'), null, 'set since the claim')
  await sql`update migration set return_requested_at = null where address = ${address}`.execute(database.kysely)
  t.equal(await routeOf('xenia'), 'destination')
  await sql`update account set password_source = 'source' where address = ${address}`.execute(database.kysely)
  t.equal(await all().hold(job_, WORKER, LIMIT_MS, 'return'), null, 'nobody asks for it')
  const people = migrations(database.kysely)
  await people.take(address, requestReturn, { ...BY, action: 'migration.request-return' })
  await people.take(address, stopReturn, { ...BY, action: 'migration.stop-return' })
  t.equal(await all().hold(job_, WORKER, LIMIT_MS, 'return'), null, 'it was stopped')
  await people.take(address, requestReturn, { ...BY, action: 'migration.request-return' })
  t.not(await all().hold(job_, WORKER, LIMIT_MS, 'return'), null)
})

t.test('whoever has lost the lease holds nobody', async (t) => {
  const ben = await job('ben')
  t.equal(await all().hold(ben, { ...WORKER, id: randomUUID() }, LIMIT_MS), null)
  t.equal(await routeOf('ben'), 'source')
})

t.test('what goes wrong goes back to the source; what has moved is told', async (t) => {
  const early = await held('cleo')
  t.equal(await all().back(early, 'a reason'), null)
  t.equal(await routeOf('cleo'), 'source')
  const late = await held('dora')
  await all().begin(late)
  t.equal(await all().back(late, 'a reason'), 'back')
  t.equal(await routeOf('dora'), 'source')
  t.equal(await all().land(late, ''), false)
  t.equal(await all().back(late, 'again'), 'back')
})

t.test('a worker that dies takes no request back; what goes wrong does', async (t) => {
  for (const [person, request] of [['gina', 'kept'] as const, ['hugo', 'taken-back'] as const]) {
    const hold = await held(person)
    const address = `${person}@old.example`
    await sql`update migration set flip_requested_at = now() where address = ${address}`.execute(database.kysely)
    t.equal(await all().back(hold, '', request), null)
    const { rows } = await sql`select flip_requested_at is not null as is_kept, route from migration
      where address = ${address}`.execute(database.kysely)
    t.same(rows, [{ is_kept: request === 'kept', route: 'source' }])
  }
})

t.test('a worker that dies in a flip is counted, until a flip comes to its end', async (t) => {
  const { kysely } = database
  const address = 'ida@old.example'
  let ida = await job('ida')
  const cutOff = () => ida.moving?.cutOff
  /** Another worker takes it, as when the lease of the one before is over. */
  const next = async () => {
    await sql`update job set leased_until = case when holder is not null then now() - interval '1 s' end, due_at = now()
      where migration_id = ${ida.migrationId}`.execute(kysely)
    const claimed = await jobs(kysely).claim(WORKER, { migrationId: ida.migrationId })
    if (claimed === null) throw new Error('the job was not leased')
    ida = claimed
  }
  const end = async (flip?: 'ended' | 'cut-off') => {
    const result = { outcome: 'flip-failed', folders: 0, messages: 0, output: '' } as const
    const attempt = { id: null, startedAt: new Date(), result }
    t.ok(await jobs(kysely).end(ida, WORKER, { plan: advance(ida, 'flip-failed', 0), attempt, seen: null, flip }))
  }
  await next()
  t.equal(cutOff(), undefined, 'no flip had begun')
  await all().started(ida, { ...WORKER, id: randomUUID() })
  await next()
  t.equal(cutOff(), undefined, 'who has lost the lease begins none')
  for (const deaths of [1, 2]) {
    await all().started(ida, WORKER)
    await next()
    t.equal(cutOff(), deaths)
    await next()
    t.equal(cutOff(), deaths, 'nobody was told yet')
    await end('cut-off')
    await next()
    t.equal(cutOff(), undefined, 'it was told')
    await end()
    await next()
  }
  await all().started(ida, WORKER)
  await end('ended')
  await next()
  await all().started(ida, WORKER)
  await next()
  t.equal(cutOff(), 1, 'one has come to its end meanwhile')
  await sql`update migration set flip_requested_at = now() where address = ${address}`.execute(kysely)
  const hold = (await all().hold(ida, WORKER, LIMIT_MS)) ?? ''
  await all().begin(hold)
  await all().land(hold, 'here')
  await next()
  t.equal(cutOff(), undefined, 'the person is here')
})

t.test('nobody is held for longer than the limit, whoever has died', async (t) => {
  const hold = await held('emil', 0)
  t.equal(await all().begin(hold), false, 'too late to begin')
  t.equal(await routeOf('emil'), 'source', 'who signs in ends the hold')
  t.equal(await all().begin(hold), false)
  const other = await held('fritz', LIMIT_MS)
  await all().begin(other)
  await sql`update flip set held_until = now() where hold = ${other}`.execute(database.kysely)
  t.match(await owners(database, reads).ownerOf('fritz@old.example'), { isHeld: false, isHere: false }, 'so does mail')
  t.equal(await all().land(other, ''), false, 'whoever moves now is too late')
  t.equal(await all().back(other, ''), 'back', 'and moves back')
})

t.test('a hold waits for each service that lives, until what it was asked before is answered', async (t) => {
  const [here, there] = [randomUUID(), randomUUID()]
  const reading = new RouteReads()
  await using _other = announce(database.kysely, { id: there, host: 'there' }, async () => [])
  await using _one = announce(database.kysely, { id: here, host: 'here' }, async () => [])
  const hold = await held('greta')
  await until(async () => (await all().unconfirmed(hold)).length === 2, 'both are seen')
  const confirm = confirmHolds(reading, holds(database, here), {
    forget: () => undefined,
    onTrouble: (cause) => t.fail(String(cause)),
  })
  const answer = Promise.withResolvers<string>()
  const asked = reading.read(() => answer.promise)
  confirm()
  const unconfirmed = holds(database, here)
  await unconfirmed.unconfirmed()
  t.same(await all().unconfirmed(hold), ['here', 'there'], 'an answer is on its way')
  answer.resolve('source')
  await asked
  await until(async () => (await all().unconfirmed(hold)).length === 1, 'it is answered')
  t.same(await all().unconfirmed(hold), ['there'], 'the other one is cut off')
})

t.test(
  'who finishes by force is told what a flip has left to be merged, and it stays known for a migration that is reopened',
  async (t) => {
    const finish = async (person: string) => {
      let told: string | null = ''
      await migrations(database.kysely).finish(`${person}@old.example`, ({ unmergedIn }) => {
        told = unmergedIn
        return { ...BY, action: 'migration.finish' }
      })
      return told
    }
    for (const person of ['left', 'tidy']) {
      const hold = await held(person)
      await all().begin(hold)
      t.ok(await all().land(hold, 'here'))
      if (person === 'tidy') await all().forget(hold)
    }
    t.equal(await finish('left'), '/home/left')
    t.equal(await finish('tidy'), null)
    const { rows } = await sql`select step from flip join migration on migration.id = migration_id
    where address = 'left@old.example'`.execute(database.kysely)
    t.same(rows, [{ step: 'landed' }])
  },
)

t.test('a route that was read long ago is no answer', async (t) => {
  let now = 0
  const reading = new RouteReads(() => now)
  const answered = (ms: number) =>
    reading.read(async () => {
      now += ms
      return 'source'
    })
  t.equal(await answered(9_000), 'source')
  await t.rejects(answered(11_000), { message: /too long ago/ })
})

t.end()
