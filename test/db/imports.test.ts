import { sql } from 'kysely'
import t from 'tap'
import type { ProvenLogin } from '../../src/auth/ports.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { imports } from '../../src/db/imports.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { sealings } from '../../src/db/sealings.ts'
import { userdb } from '../../src/db/userdb.ts'
import { parseAddress } from '../../src/model/address.ts'
import { finish, pause } from '../../src/model/migration.ts'
import type { ImportedPerson } from '../../src/operations/ports.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

const SEALED = { bytes: new Uint8Array([1]), to: ['age1'] }
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROVIDER, BY)
  await domains(database.kysely, '/home/%u').add(
    { name: 'old.example', newDomain: 'old.example', provider: PROVIDER.name, sharesNames: false },
    BY,
  )
})
t.after(() => database[Symbol.asyncDispose]())

function imported(person: string, changes: Partial<ImportedPerson> = {}): ImportedPerson {
  const address = `${person}@old.example`
  return {
    ...{ number: 1, address, provider: PROVIDER.name, oldDomain: 'old.example', oldUsername: person, taken: true },
    ...{ home: `/imported/${person}`, sealed: null, quotaBytes: null, ...changes },
  }
}

function proven(person: string, changes: Partial<ProvenLogin> = {}): ProvenLogin {
  const address = parseAddress(`${person}@old.example`)
  if (address === null) throw new Error(person)
  return {
    ...{
      address,
      home: `/home/${person}`,
      passwordHash: 'hash',
      seenHash: null,
      sealed: { bytes: new Uint8Array([2]), to: ['age2'] },
    },
    ...{ provider: PROVIDER, oldDomain: 'old.example', oldUsername: person, ...changes },
  }
}

const write = (...people: ImportedPerson[]) =>
  imports(database.kysely).gather(async (gathering) => {
    await gathering.add(people)
    return await gathering.write(BY)
  })
const provision = (one: ProvenLogin) => provisioner(database.kysely).provision(one)
const find = (person: string) => migrations(database.kysely).find(`${person}@old.example`)
const homesCopiedTo = () =>
  migrations(database.kysely).readOrders({}, async ({ orders }) => {
    return (await Array.fromAsync(orders)).map(({ home }) => home)
  })

t.test('a line for whom somebody has the mailbox or the home already is bad, and is not written', async (t) => {
  await provision(proven('there', { home: '/imported/taken', oldUsername: 'taken' }))
  const people = [
    imported('one', { number: 2 }),
    imported('two', { number: 3, oldUsername: 'one' }),
    imported('three', { number: 4, home: '/imported/one' }),
    imported('four', { number: 5, oldUsername: 'taken' }),
    imported('five', { number: 6, home: '/imported/taken' }),
    imported('one', { number: 7 }),
    imported('six', { number: 8, oldUsername: 'one', provider: 'elsewhere' }),
    imported('kept', { number: 9, oldUsername: 'one', taken: false }),
  ]
  const made = await imports(database.kysely).gather(async (gathering) => {
    t.same(
      (await gathering.add(people)).sort((one, other) => one.number - other.number),
      [
        { number: 3, reason: 'line 2 is the same user on the old server' },
        { number: 4, reason: 'it would have one home with line 2' },
        { number: 5, reason: 'there@old.example is the same user on the old server already' },
        { number: 6, reason: 'it would have one home with there@old.example' },
        { number: 7, reason: 'the same person stands in line 2' },
      ],
    )
    return await gathering.write(BY)
  })
  t.same(made, { awaited: 1, pending: 0 })
})

t.test('who never comes to a proxied provider can be finished all the same', async (t) => {
  const { kysely } = database
  const provider = 'proxied'
  await providers(kysely).add({ ...PROVIDER, name: provider, cutover: 'proxied', engine: 'doveadm' }, BY)
  await write(imported('ida', { provider }), imported('jan', { provider, sealed: SEALED }))
  for (const person of ['ida', 'jan']) {
    t.match(await find(person), { route: 'source', hasAccount: false })
    const finished = migrations(kysely).finish(`${person}@old.example`, () => ({ ...BY, action: 'migration.finish' }))
    t.match(await finished, { state: 'done' })
  }
})

t.test('who is awaited is taken over by the first sign-in, once, however many connections there are', async (t) => {
  await write(imported('anna', { quotaBytes: 5_000 }))
  const before = await find('anna')
  t.match(await userdb(database).awaited('anna@old.example'), { oldUsername: 'anna', closed: false })
  const provisioned = await Promise.all(Array.from({ length: 10 }, () => provision(proven('anna'))))
  const [account, ...others] = provisioned.filter((end) => end !== 'changed')
  t.match(account, { home: '/home/anna', quotaBytes: 5_000 }, 'with the quota of the file')
  t.same(others, [])
  t.match(await find('anna'), { id: before?.id, state: 'pending' })
  t.equal(await userdb(database).awaited('anna@old.example'), null)
})

t.test('mail that was copied before the first sign-in decides where the home is', async (t) => {
  await write(imported('bert', { sealed: SEALED }))
  t.ok((await homesCopiedTo()).includes('/imported/bert'))
  const { kysely } = database
  const isDue = async () => {
    const { rows } = await sql<{ is_due: boolean }>`select due_at <= clock_timestamp() as is_due
      from job join migration on migration.id = migration_id where address = 'bert@old.example'`.execute(kysely)
    return rows[0]?.is_due
  }
  await sql`update job set due_at = now() + interval '1 hour'`.execute(kysely)
  t.equal(await isDue(), false)
  t.match(await provision(proven('bert')), { home: '/imported/bert' })
  t.match((await userdb(database).accountOf('bert@old.example'))?.account, { home: '/imported/bert' })
  t.same(
    (await homesCopiedTo()).filter((home) => home.endsWith('/bert')),
    ['/imported/bert'],
  )
  t.equal(await isDue(), true, 'and its next attempt is due')
})

t.test('who was awaited as somebody else at the source gets no account: the question is asked again', async (t) => {
  await write(imported('carl'))
  await t.rejects(provision(proven('carl', { oldUsername: 'another' })), /changed in the meantime/)
  t.equal(await userdb(database).accountOf('carl@old.example'), null)
  await migrations(database.kysely).take('carl@old.example', finish, { ...BY, action: 'finish' })
  t.match(await userdb(database).awaited('carl@old.example'), { closed: true })
  await t.rejects(provision(proven('carl')), /changed in the meantime/)
})

t.test('who is awaited and paused stays paused when provisioned', async (t) => {
  await write(imported('dora'))
  await migrations(database.kysely).take('dora@old.example', pause, { ...BY, action: 'pause' })
  t.ok(await provision(proven('dora')))
  t.match(await find('dora'), { state: 'paused', pausedFrom: 'pending' })
})

t.test('who signs in while a file is read stays as they are', async (t) => {
  await database.kysely
    .insertInto('account')
    .values({ address: 'own@old.example', password_hash: 'h', password_source: 'destination', home: '/own' })
    .execute()
  const made = await imports(database.kysely).gather(async (gathering) => {
    const people = ['emil', 'fritz', 'own'].map((person) => imported(person, { sealed: SEALED }))
    t.same(await gathering.add(people), [])
    await provision(proven('emil'))
    return await gathering.write(BY)
  })
  t.same(made, { awaited: 0, pending: 1 }, 'fritz alone')
  const [emil] = await credentials(database.kysely).handOut([(await find('emil'))?.id ?? ''], 'tests')
  t.same([...(emil?.sealed ?? [])], [2])
  t.equal(await find('own'), null, 'an account of the destination’s own is not moved')
})

t.test('two imports at once make each person once', async (t) => {
  const people = Array.from({ length: 500 }, (_, number) => imported(`many${number}`, { number, sealed: SEALED }))
  const made = await Promise.all([write(...people), write(...people)])
  t.equal(made[0].pending + made[1].pending, 500)
})

t.test('a credential that was renewed since it was read is not replaced by an older one', async (t) => {
  const { otherThan, replace } = sealings(database.kysely)
  await write(imported('gerd', { sealed: SEALED }))
  const id = (await find('gerd'))?.id ?? ''
  const [before] = (await otherThan(['age9'], '0', 10_000)).filter(({ migrationId }) => migrationId === id)
  if (before === undefined) throw new Error('no credential')
  await provision(proven('gerd'))
  t.equal(await replace([{ before, sealed: { bytes: new Uint8Array([9]), to: ['age9'] } }]), 0)
  const now = { ...before, sealed: new Uint8Array([2]) }
  t.equal(await replace([{ before: now, sealed: { bytes: new Uint8Array([9]), to: ['age9'] } }]), 1)
  const left = await otherThan(['age9'], '0', 10_000)
  t.notOk(left.some(({ migrationId }) => migrationId === id))
})

t.test('only one rotation runs at a time', async (t) => {
  const { alone } = sealings(database.kysely)
  t.equal(await alone(() => alone(async () => 'second')), null)
  t.equal(await alone(async () => 'again'), 'again')
})

t.end()
