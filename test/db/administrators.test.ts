import t from 'tap'
import { administrators } from '../../src/db/administrators.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { byAdministrator, type Role } from '../../src/model/administrator.ts'
import { Refused } from '../../src/model/refused.ts'
import type { Administrators, NewAdministrator } from '../../src/operations/administrator-ports.ts'
import { entriesOf } from '../support/audit.ts'
import { openTestDatabase } from '../support/database.ts'

const BY = { actor: 'tests', reason: 'as agreed' }
const SEALED = Buffer.from('sealed')

let database: Database
let known: Administrators
t.before(async () => {
  database = await openTestDatabase()
  known = administrators(database.kysely)
})
t.beforeEach(async () => void (await database.pool.query('truncate administrator, audit')))
t.after(() => database[Symbol.asyncDispose]())

async function add(name: string, role: Role = 'owner', more: Partial<NewAdministrator> = {}): Promise<void> {
  await known.add({ name, role, passwordHash: `hash of ${name}`, totpSealed: null, ...more }, BY)
}

async function stampOf(name: string): Promise<string> {
  return (await known.find(name))?.stamp ?? ''
}

t.test('administrators are listed by name and found with what the sign-in needs', async (t) => {
  await add('bert', 'viewer')
  await add('anna', 'owner', { totpSealed: SEALED })
  const [anna, bert, ...more] = await known.list()
  t.match(anna, { name: 'anna', role: 'owner', hasTotp: true, createdAt: Date, signedInAt: null })
  t.match(bert, { name: 'bert', role: 'viewer', hasTotp: false })
  t.same(more, [])
  t.match(await known.find('anna'), {
    ...{ administrator: anna, passwordHash: 'hash of anna', totpSealed: SEALED, stamp: /^[0-9a-f-]{36}$/ },
  })
  t.equal((await known.find('bert'))?.totpSealed, null)
  t.not(await stampOf('anna'), await stampOf('bert'))
})

t.test('a name is given once', async (t) => {
  await add('anna')
  await t.rejects(add('anna', 'viewer'), new Refused('conflict', 'administrator anna exists already'))
  t.match(await known.list(), [{ role: 'owner' }])
})

t.test('who is not there is not found, and not changed', async (t) => {
  await add('anna')
  t.equal(await known.find('bert'), null)
  t.equal(await known.session('bert', await stampOf('anna')), null)
  t.equal(await known.remove('bert', BY), false)
  t.equal(await known.setPassword('bert', 'hash', BY), false)
  t.equal(await known.setRole('bert', 'viewer', BY), false)
  t.equal(await known.setTotp('bert', null, BY), false)
  t.equal(await known.endSessions('bert', BY), false)
  t.equal(await known.useTotpStep('bert', 1), false)
  await known.noteSignIn('bert', null)
  t.same((await entriesOf(database.kysely)).length, 1, 'the one who was added')
})

t.test('the last owner can neither be removed nor become less', async (t) => {
  const refusal = new Refused('conflict', 'anna is the last owner: make somebody else an owner first')
  await add('anna')
  await add('bert', 'operator')
  await t.rejects(known.remove('anna', BY), refusal)
  await t.rejects(known.setRole('anna', 'operator', BY), refusal)
  t.ok(await known.setRole('anna', 'owner', BY))
  t.ok(await known.setRole('bert', 'owner', BY))
  t.ok(await known.setRole('anna', 'viewer', BY))
  t.ok(await known.remove('anna', BY))
  await t.rejects(known.remove('bert', BY), { message: /^bert is the last owner/ })
})

t.test('two owners who take each other away at the same moment leave one', async (t) => {
  for (let round = 0; round < 20; round++) {
    await database.pool.query('truncate administrator')
    await add('anna')
    await add('bert')
    const other = round % 2 === 0 ? known.remove('bert', BY) : known.setRole('bert', 'viewer', BY)
    const done = await Promise.allSettled([known.remove('anna', BY), other])
    t.same(done.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    t.equal((await known.list()).filter(({ role }) => role === 'owner').length, 1)
  }
})

t.test('a session holds until something changes that it rests on', async (t) => {
  await add('anna')
  await add('bert', 'viewer')
  const changes: Record<string, () => Promise<unknown>> = {
    'a password': () => known.setPassword('bert', 'another hash', BY),
    'a role': () => known.setRole('bert', 'operator', BY),
    'a TOTP secret': () => known.setTotp('bert', SEALED, BY),
    'no TOTP secret any more': () => known.setTotp('bert', null, BY),
    'the end of all sessions': () => known.endSessions('bert', BY),
    'another person of that name': async () => {
      await known.remove('bert', BY)
      await add('bert', 'viewer')
    },
  }
  const annas = await stampOf('anna')
  for (const [what, change] of Object.entries(changes)) {
    const stamp = await stampOf('bert')
    t.match(await known.session('bert', stamp), { name: 'bert' })
    await change()
    t.equal(await known.session('bert', stamp), null, what)
  }
  const stamp = await stampOf('bert')
  await known.noteSignIn('bert', '192.0.2.1')
  await known.useTotpStep('bert', 7)
  t.match(await known.session('bert', stamp), { name: 'bert', signedInAt: Date }, 'another sign-in ends none')
  t.match(await known.session('anna', annas), { name: 'anna' }, "nor do another's changes")
  for (const wrong of ['', 'nonsense', annas, '\0']) t.equal(await known.session('bert', wrong), null)
})

t.test('a code is used up with all before it, until there is another secret', async (t) => {
  await add('anna')
  t.equal(await known.useTotpStep('anna', 100), true)
  t.equal(await known.useTotpStep('anna', 100), false)
  t.equal(await known.useTotpStep('anna', 99), false)
  const atOnce = await Promise.all(Array.from({ length: 8 }, () => known.useTotpStep('anna', 101)))
  t.same(atOnce.filter(Boolean), [true], 'of several at once one is first')
  await known.setTotp('anna', SEALED, BY)
  t.equal(await known.useTotpStep('anna', 99), true)
  await known.setTotp('anna', SEALED, BY, 99)
  t.equal(await known.useTotpStep('anna', 99), false, 'what confirmed the secret is used up')
  t.equal(await known.useTotpStep('anna', 100), true)
})

t.test('every change is written down, by whom and why', async (t) => {
  await add('anna', 'owner', { totpSealed: SEALED })
  await add('bert', 'viewer')
  await known.setPassword('bert', 'another hash', BY)
  await known.setRole('bert', 'operator', BY)
  await known.setTotp('bert', SEALED, BY)
  await known.setTotp('bert', null, byAdministrator('anna'))
  await known.endSessions('bert', BY)
  await known.noteSignIn('bert', '192.0.2.1')
  await known.noteSignIn('bert', null)
  await known.useTotpStep('bert', 1)
  await known.remove('bert', BY)
  const entries = await entriesOf(database.kysely)
  const change = (action: string, detail: string | null, by: object = BY, subject = 'bert') => {
    return { action, subject, detail, ...by }
  }
  const bert = byAdministrator('bert')
  t.match(entries.reverse(), [
    change('admin.add', 'owner, with TOTP', BY, 'anna'),
    change('admin.add', 'viewer'),
    change('admin.passwd', null),
    change('admin.role', 'viewer → operator'),
    change('admin.totp', 'on'),
    change('admin.totp', 'off', { actor: 'panel:anna', reason: null }),
    change('admin.end-sessions', null),
    change('admin.sign-in', 'from 192.0.2.1', bert),
    change('admin.sign-in', null, bert),
    change('admin.remove', null),
  ])
  t.equal(entries.length, 10)
})

t.end()
