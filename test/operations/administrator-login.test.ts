import { hash } from 'node:crypto'
import { type TOTP, URI } from 'otpauth'
import t from 'tap'
import type { Hasher } from '../../src/auth/ports.ts'
import { administrators } from '../../src/db/administrators.ts'
import { type Database, openDatabase } from '../../src/db/connection/database.ts'
import { rateLimit } from '../../src/db/rate-limits.ts'
import { visits } from '../../src/db/visits.ts'
import { totpSealer } from '../../src/keys/panel-key.ts'
import {
  ADMINISTRATOR_LIMITS,
  ADMINISTRATOR_TOTAL,
  type AdministratorDeps,
  type AdministratorQuestion,
  signInAdministrator,
} from '../../src/operations/administrator-login.ts'
import { newTotp } from '../../src/operations/totp.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { formsFound } from '../support/secrets.ts'

const PASSWORD = 'pw of anna'
const STEP_MS = 30_000
const sealer = totpSealer(() => Buffer.alloc(32, 7))

let databases: readonly [Database, Database]
/** Anna's authenticator. */
let totp: TOTP
/** Every password that was hashed, by any instance. */
const hashed: string[] = []
/** Hundreds of guesses are to take no time. */
const hasher: Hasher = {
  hash: async (password) => `sha256:${hash('sha256', password)}`,
  async verify(stored, password) {
    hashed.push(password)
    return stored === (await this.hash(password))
  },
}

t.before(async () => {
  const first = await openTestDatabase()
  databases = [first, await openDatabase({ databaseUrl: first.url, dataDir: '/nowhere' })]
})
t.beforeEach(async () => {
  const [{ kysely, pool }] = databases
  await pool.query('truncate administrator, audit, failed_sign_in, visit')
  const { sealed, uri } = await newTotp('anna', sealer)
  totp = URI.parse(uri) as TOTP
  const passwordHash = await hasher.hash(PASSWORD)
  await administrators(kysely).add({ name: 'anna', role: 'owner', passwordHash, totpSealed: sealed }, BY)
  await administrators(kysely).add({ name: 'bert', role: 'viewer', passwordHash, totpSealed: null }, BY)
  hashed.length = 0
})
t.after(async () => {
  for (const database of databases.toReversed()) await database[Symbol.asyncDispose]()
})

/** What an instance of its own works with. */
function instance(database = databases[0]): AdministratorDeps {
  return {
    administrators: administrators(database.kysely),
    hasher,
    totpSealer: sealer,
    rateLimit: rateLimit(database, ADMINISTRATOR_LIMITS, 'admin-'),
    totalRateLimit: rateLimit(database, ADMINISTRATOR_TOTAL, 'admin-all-'),
    visits: visits(database.pool),
  }
}

function ask(question: Partial<AdministratorQuestion>, deps = instance()) {
  return signInAdministrator({ name: 'anna', password: PASSWORD, code: null, client: '192.0.2.1', ...question }, deps)
}

const codeAt = (steps: number) => totp.generate({ timestamp: Date.now() + steps * STEP_MS })

async function kindOf(question: Partial<AdministratorQuestion>, deps = instance()): Promise<string> {
  return (await ask(question, deps)).kind
}

t.test('the right password and code let in, which is noted with where it came from', async (t) => {
  const answer = await ask({ name: 'ANNA', code: codeAt(0) })
  t.match(answer, { kind: 'ok', administrator: { name: 'anna', role: 'owner', signedInAt: null } })
  const { pool, kysely } = databases[0]
  const { stamp } = answer as { stamp: string }
  t.match(await administrators(kysely).session('anna', stamp), { name: 'anna', signedInAt: Date })
  const { rows } = await pool.query(`select actor, detail from audit where action = 'admin.sign-in'`)
  t.same(rows, [{ actor: 'panel:anna', detail: 'from 192.0.2.1' }])
})

t.test('a code is asked for only when the password is right and there is an authenticator', async (t) => {
  t.same(await ask({}), { kind: 'code-wanted' })
  t.same(await ask({ password: 'wrong' }), { kind: 'refused' })
  t.match(await ask({ name: 'bert' }), { kind: 'ok', administrator: { name: 'bert' } })
})

t.test('a wrong name, password or code are one answer, for the same work', async (t) => {
  const { pool } = databases[0]
  const wrong: Partial<AdministratorQuestion>[] = [
    { name: 'nobody' },
    { name: 'no name <at all>' },
    { name: 'nobody', code: codeAt(0) },
    { password: 'wrong password' },
    { password: 'wrong password', code: codeAt(0) },
    { password: '' },
    { code: '000000' === codeAt(0) ? '000001' : '000000' },
    { code: codeAt(-3) },
    { code: codeAt(3) },
    ...['', '1', '1234567', ' 12345', '１２３４５６', 'abcdef', '\0'].map((code) => ({ code })),
  ]
  for (const question of wrong) {
    await pool.query('truncate failed_sign_in')
    hashed.length = 0
    t.same(await ask(question), { kind: 'refused' }, JSON.stringify(question))
    t.same(hashed, [question.password ?? PASSWORD], 'one password is hashed')
    const { rows } = await pool.query('select points from failed_sign_in')
    t.same(rows, Array(3).fill({ points: 1 }), 'counted for the name, the client, and the name from there')
  }
})

t.test('a code is good once, whoever asks when and where', async (t) => {
  const instances = databases.map(instance)
  const code = codeAt(0)
  const atOnce = await Promise.all(Array.from({ length: 8 }, (_, number) => kindOf({ code }, instances[number % 2])))
  t.same(atOnce.sort(), ['ok', ...Array(7).fill('refused')])
  t.equal(await kindOf({ code }), 'refused')
  t.equal(await kindOf({ code: codeAt(-1) }), 'refused', 'nor is one from before')
})

t.test(
  'after ten failures nothing is tried for a name from that network, by no instance, whatever failed',
  async (t) => {
    const instances = databases.map(instance)
    for (let number = 0; number < 10; number++) {
      const question = number < 5 ? { password: 'wrong' } : { code: 'no code' }
      t.equal(await kindOf({ ...question, client: `2001:db8::${number}` }, instances[number % 2]), 'refused')
    }
    hashed.length = 0
    for (const deps of [...instances, instance()]) {
      t.same(await ask({ name: 'Anna', client: '2001:db8::99', code: codeAt(0) }, deps), { kind: 'throttled' })
    }
    t.same(hashed, [])
    t.equal(await kindOf({ name: 'bert', client: '2001:db8::1' }), 'ok', 'another name')
    t.equal(await kindOf({ client: '192.0.2.1' }), 'code-wanted', 'another network')
  },
)

t.test('strangers from everywhere keep an administrator out, but not where they have signed in before', async (t) => {
  const [home, hotel] = ['192.0.2.1', '192.0.2.2']
  t.equal(await kindOf({ name: 'bert', client: home }), 'ok')
  const counted = rateLimit(databases[0], ADMINISTRATOR_TOTAL, 'admin-all-')
  for (let number = 0; number < 99; number++) await counted.penalize({ person: 'bert', client: null, provider: null })
  t.equal(await kindOf({ name: 'bert', password: 'wrong', client: '198.51.100.1' }), 'refused')
  t.equal(await kindOf({ name: 'bert', client: hotel }), 'throttled')
  const other = instance(databases[1])
  t.equal(await kindOf({ name: 'bert', client: home }, other), 'ok')
  t.equal(await kindOf({ name: 'anna', client: hotel }), 'code-wanted', 'another name')
  for (let number = 0; number < 10; number++) await kindOf({ name: 'bert', password: 'wrong', client: home }, other)
  t.equal(await kindOf({ name: 'bert', client: home }, other), 'throttled', 'guesses from there have their own limit')
})

t.test('after thirty failures nothing is tried for a network', async (t) => {
  for (let number = 0; number < 30; number++) {
    t.equal(await kindOf({ name: `nobody-${number}`, client: `2001:db8::${number}` }), 'refused')
  }
  t.equal(await kindOf({ name: 'bert', client: '2001:db8::ffff' }), 'throttled')
  t.equal(await kindOf({ name: 'bert', client: '2001:db8:0:1::1' }), 'ok')
})

t.test('guesses at the same moment are no more than one after the other', async (t) => {
  const instances = databases.map(instance)
  const guesses = Array.from({ length: 40 }, (_, number) => {
    return kindOf({ password: `guess ${number}`, client: `2001:db8::${number}` }, instances[number % 2])
  })
  const kinds = await Promise.all(guesses)
  t.equal(kinds.filter((kind) => kind === 'throttled').length, 30)
  t.equal(hashed.length, 10)
})

t.test('what does not fail is not counted', async (t) => {
  const deps = instance()
  for (let number = 0; number < 12; number++) t.equal(await kindOf({}, deps), 'code-wanted')
  for (let number = 0; number < 9; number++) t.equal(await kindOf({ password: 'wrong' }, deps), 'refused')
  for (let number = 0; number < 3; number++) t.equal(await kindOf({}, deps), 'code-wanted')
  t.equal(await kindOf({ password: 'wrong' }, deps), 'refused')
  t.equal(await kindOf({}, deps), 'throttled', 'nor does it wipe out what failed')
})

t.test("administrators' and other people's failures are not counted together", async (t) => {
  const mail = () => rateLimit(databases[0], { person: 1, client: 1, provider: 1 })
  const subject = { person: 'anna', client: '192.0.2.1', provider: null }
  await kindOf({ password: 'wrong' })
  t.equal(await mail().isExceeded(subject), false)
  for (let number = 0; number < 40; number++) await mail().penalize(subject)
  t.equal(await kindOf({}), 'code-wanted')
})

t.test('without the database nobody is called wrong', async (t) => {
  await using away = await openDatabase({ databaseUrl: 'postgresql://nobody@127.0.0.1:1/nowhere', dataDir: '/nowhere' })
  const [here, gone] = [instance(), instance(away)]
  const code = codeAt(0)
  for (const deps of [
    gone,
    { ...here, administrators: gone.administrators },
    { ...here, administrators: { ...here.administrators, useTotpStep: gone.administrators.useTotpStep } },
    { ...here, administrators: { ...here.administrators, noteSignIn: gone.administrators.noteSignIn } },
  ]) {
    t.match(await ask({ code }, deps), { kind: 'could-not-ask', cause: Error })
  }
  const { rows } = await databases[0].pool.query('select from failed_sign_in where points > 0')
  t.same(rows, [], 'nor is that counted as a failure')
  t.equal(
    await kindOf({ name: 'bert' }, { ...here, rateLimit: { ...here.rateLimit, refund: gone.rateLimit.refund } }),
    'ok',
  )
})

t.test('with another panel key codes cannot be asked about, until none are wanted', async (t) => {
  const deps = { ...instance(), totpSealer: totpSealer(() => Buffer.alloc(32, 8)) }
  t.match(await ask({ code: codeAt(0) }, deps), { kind: 'could-not-ask', cause: { message: /of anna .*panel key/ } })
  await administrators(databases[0].kysely).setTotp('anna', null, BY)
  t.equal(await kindOf({}, deps), 'ok')
})

t.test('no password and no TOTP secret is in the database, not even what was typed as a name', async (t) => {
  const typed = 'typed-instead-of-the-name'
  await ask({ name: typed })
  await ask({ name: `${typed} with blanks` })
  await ask({ code: codeAt(0) })
  const tables = ['administrator', 'failed_sign_in', 'audit']
  const dumps = await Promise.all(
    tables.map((table) => databases[0].pool.query(`select row::text from ${table} as row`)),
  )
  const dump = Buffer.from(dumps.flatMap(({ rows }) => rows.map(({ row }) => row)).join('\n'))
  t.match(dump.toString(), /anna.*sha256:/)
  t.same(formsFound(dump, [PASSWORD, typed, totp.secret.base32, totp.secret.hex]), [])
  t.notOk(dump.includes(totp.secret.hex.toLowerCase()))
})

t.end()
