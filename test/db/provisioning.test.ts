import { sql } from 'kysely'
import t from 'tap'
import type { ProvenLogin } from '../../src/auth/ports.ts'
import { accounts } from '../../src/db/accounts.ts'
import { collisions } from '../../src/db/collisions.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { userdb } from '../../src/db/userdb.ts'
import { parseAddress } from '../../src/model/address.ts'
import { finish, pause } from '../../src/model/migration.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'
import { until } from '../support/until.ts'

const DOMAIN = { name: 'old.example', newDomain: 'old.example', sharesNames: false }
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROVIDER, BY)
  await domains(database.kysely, '/home/%u').add({ ...DOMAIN, provider: PROVIDER.name }, BY)
})
t.after(() => database[Symbol.asyncDispose]())

function proven(person: string, changes: Partial<ProvenLogin> = {}): ProvenLogin {
  const address = parseAddress(`${person}@old.example`)
  if (address === null) throw new Error(person)
  return {
    address,
    home: `/home/${person}`,
    passwordHash: 'hash one',
    seenHash: null,
    sealed: { bytes: new Uint8Array([1]), to: ['age1'] },
    provider: PROVIDER,
    oldDomain: 'old.example',
    oldUsername: address.text,
    ...changes,
  }
}

/** A sign-in that begins when nobody else's is on its way. */
const provision = async (one: ProvenLogin) =>
  await provisioner(database.kysely).provision({ ...one, seenHash: (await hashOf(one)) ?? null })
const passwordsOf = async (one: ProvenLogin) => (await userdb(database).accountOf(one.address.text))?.passwords ?? []
const keptOf = async (one: ProvenLogin) =>
  (await passwordsOf(one)).map(({ hash, isDoubtful }) => `${hash}${isDoubtful ? '?' : ''}`)
const hashOf = async (one: ProvenLogin) => (await passwordsOf(one))[0]?.hash
const sealedOf = async (one: ProvenLogin) => {
  const migration = await migrations(database.kysely).find(one.address.text)
  const [found] = await credentials(database.kysely).handOut([migration?.id ?? '0'], 'tests')
  return found && [...found.sealed]
}

t.test(
  'twenty first logins of one person at once, on as many connections as there are, make one account',
  async (t) => {
    const one = proven('anna')
    const provisioned = await Promise.all(Array.from({ length: 20 }, () => provisioner(database.kysely).provision(one)))
    const [account, ...others] = provisioned.filter((end) => end !== 'changed')
    t.match(account, { address: 'anna@old.example', home: '/home/anna', enabled: true })
    t.same(others, [], 'the others decide anew')
    const { rows: all } = await migrations(database.kysely).page({ limit: 100 })
    t.match(all, [
      { address: 'anna@old.example', state: 'pending', route: 'destination', oldUsername: 'anna@old.example' },
    ])
    t.equal(all.length, 1)
    t.same(await sealedOf(one), [1])
  },
)

t.test(
  'five passwords that source confirmed are kept; a new one makes the others doubtful, a confirmed one does not',
  async (t) => {
    const one = proven('moni')
    const { confirmPassword, dropPassword } = provisioner(database.kysely)
    await provision(one)
    for (const name of ['two', 'three', 'four', 'five', 'six']) {
      await provision({ ...one, passwordHash: `hash ${name}`, sealed: null })
    }
    const kept = () => keptOf(one)
    t.same(await kept(), ['hash six', 'hash five?', 'hash four?', 'hash three?', 'hash two?'])
    t.equal(await confirmPassword(one.address.text, 'hash three', 'hash six'), true)
    await dropPassword(one.address.text, 'hash five')
    t.same(await kept(), ['hash six', 'hash four?', 'hash three', 'hash two?'])
    t.equal(await confirmPassword(proven('anna').address.text, 'hash two', 'hash one'), false)
    await dropPassword(proven('anna').address.text, 'hash two')
    t.same(await kept(), ['hash six', 'hash four?', 'hash three', 'hash two?'], 'another person’s are another’s')
    t.same(await sealedOf(one), [1], 'the credential still opens the mailbox')
    await provision({ ...one, passwordHash: null, sealed: { bytes: new Uint8Array([2]), to: ['age1'] } })
    t.same(await sealedOf(one), [2])
    t.same(
      await kept(),
      ['hash six', 'hash four?', 'hash three', 'hash two?'],
      'one that is kept already changes nothing',
    )
    await provision({ ...one, passwordHash: 'hash seven', sealed: null })
    t.same(
      await kept(),
      ['hash seven', 'hash six?', 'hash four?', 'hash three?', 'hash two?'],
      'what was confirmed is doubtful again',
    )
    await migrations(database.kysely).take(one.address.text, finish, { ...BY, action: 'finish' })
    t.equal((await kept()).length, 5, 'a finished migration keeps them')
    await accounts(database.kysely).setPassword(one.address.text, 'hash of the destination', BY)
    t.same(await kept(), ['hash of the destination'])
  },
)

t.test('several connections with one new password add it once, and push no other out', async (t) => {
  const one = proven('nina')
  await provision(one)
  for (const name of ['two', 'three', 'four']) await provision({ ...one, passwordHash: `hash ${name}`, sealed: null })
  const salted = Array.from({ length: 6 }, (_, salt) => ({ ...one, passwordHash: `hash five, salt ${salt}` }))
  const ends = await Promise.all(
    salted.map((again) => provisioner(database.kysely).provision({ ...again, seenHash: 'hash four', sealed: null })),
  )
  t.equal(ends.filter((end) => end === 'changed').length, 5)
  const [present, ...earlier] = await keptOf(one)
  t.match(present, /^hash five, salt \d$/)
  t.same(earlier, ['hash four?', 'hash three?', 'hash two?', 'hash one?'])
})

t.test('a password is not confirmed once a newer one came, also while that is being written', async (t) => {
  const one = proven('olga')
  await provision(one)
  await provision({ ...one, passwordHash: 'hash two', sealed: null })
  const { confirmPassword } = provisioner(database.kysely)
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    await client.query(`update account set password_hash = 'hash three' where address = $1`, [one.address.text])
    const confirmed = confirmPassword(one.address.text, 'hash one', 'hash two')
    const waits = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await until(async () => (await database.pool.query(waits)).rowCount === 1, 'it waits')
    await client.query('commit')
    t.equal(await confirmed, false)
  } finally {
    client.release(true)
  }
  t.same(await keptOf(one), ['hash three', 'hash one?'])
  t.equal(await confirmPassword(one.address.text, 'hash one', 'hash three'), true)
  t.same(await keptOf(one), ['hash three', 'hash one'])
})

t.test('a new password renews hash and credential, and lets a refused credential be tried again', async (t) => {
  const one = proven('bert')
  await provision(one)
  const refused = () =>
    ({ state: 'failed', pausedFrom: null, code: 'credential-refused', isFinishRequested: false }) as const
  await migrations(database.kysely).take(one.address.text, refused, { ...BY, action: 'refused' })
  await provision({ ...one, passwordHash: 'hash two', sealed: { bytes: new Uint8Array([2]), to: ['age1'] } })
  t.equal(await hashOf(one), 'hash two')
  t.same(await sealedOf(one), [2])
  t.match(await migrations(database.kysely).find(one.address.text), { state: 'pending', code: null })
})

t.test('what a person paused stays paused', async (t) => {
  const one = proven('carl')
  await provision(one)
  await migrations(database.kysely).take(one.address.text, pause, { ...BY, action: 'pause' })
  t.ok(await provision(one))
  t.match(await migrations(database.kysely).find(one.address.text), { state: 'paused', pausedFrom: 'pending' })
})

t.test('nothing is renewed once the source has no say, even when it said yes just before', async (t) => {
  const [own, done, other] = [proven('dora'), proven('emil'), proven('fritz')]
  for (const one of [own, done, other]) await provision(one)
  await accounts(database.kysely).setPassword(own.address.text, 'hash of the destination', BY)
  await migrations(database.kysely).take(done.address.text, finish, { ...BY, action: 'finish' })
  const renewed = { passwordHash: 'hash two', sealed: { bytes: new Uint8Array([2]), to: ['age1'] } }
  t.equal(await provision({ ...own, ...renewed }), null, 'a password set on the destination')
  t.equal(await provision({ ...done, ...renewed }), null, 'a finished migration')
  t.equal(
    await provision({ ...other, ...renewed, oldUsername: 'somebody-else' }),
    'collision',
    'somebody else at the source',
  )
  t.same(await Promise.all([own, done, other].map(hashOf)), ['hash of the destination', 'hash one', 'hash one'])
  t.equal(await sealedOf(done), undefined, 'the credential of a finished migration is erased')
  await t.rejects(
    credentials(database.kysely).renew(
      done.address.text,
      { bytes: new Uint8Array([3]), to: ['age1'] },
      '/home/emil',
      BY,
    ),
    /no unfinished migration/,
  )
})

t.test('two people never get one home, nor one mailbox two accounts; who came second is told by name', async (t) => {
  const [greta, hans] = [proven('greta'), proven('hans')]
  await provision(greta)
  t.equal(await provision({ ...hans, home: greta.home }), 'collision')
  t.equal(await provision({ ...hans, oldUsername: greta.oldUsername }), 'collision')
  t.equal(await userdb(database).accountOf(hans.address.text), null, 'nothing is left of it')
  const told = () => collisions(database.kysely).wanted()
  const wanted = { address: 'hans@old.example', provider: PROVIDER.name, oldDomain: 'old.example' }
  t.match(await told(), [
    { ...wanted, oldUsername: 'greta@old.example', what: 'mailbox', whose: 'greta@old.example' },
    { ...wanted, oldUsername: 'hans@old.example', what: 'home', whose: 'greta@old.example' },
    { what: 'address' },
  ])
  await migrations(database.kysely).take(greta.address.text, finish, { ...BY, action: 'finish' })
  t.ok(await provision({ ...hans, oldUsername: greta.oldUsername }), 'the mailbox is free again')
  t.match(await told(), [
    { oldUsername: 'hans@old.example', what: 'address', whose: 'greta@old.example' },
    { what: 'address' },
  ])
})

t.test('mail that was copied ahead keeps its home, whatever the template is by then', async (t) => {
  const ida = proven('ida')
  await sql`insert into migration (address, provider_id, old_domain, old_username, state, route, home)
    select ${ida.address.text}, id, 'old.example', ${ida.oldUsername}, 'pending', 'destination', '/early/ida' from provider`.execute(
    database.kysely,
  )
  t.equal(await provision({ ...proven('jan'), home: '/early/ida' }), 'collision')
  t.match(
    await provision({ ...ida, home: '/home/anna' }),
    { home: '/early/ida' },
    'another’s home is not even asked for',
  )
  t.equal(await provision({ ...proven('jan'), home: '/early/ida' }), 'collision')
})

t.test('a provisioning that fails in the middle leaves nothing', async (t) => {
  const one = proven('gone', { provider: { ...PROVIDER, name: 'unknown' } })
  await t.rejects(provision(one))
  t.equal(await userdb(database).accountOf(one.address.text), null)
})

t.end()
