import { type Kysely, sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { domains } from '../../src/db/domains.ts'
import { imports } from '../../src/db/imports.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import type { DB } from '../../src/db/schema.ts'
import { userdb } from '../../src/db/userdb.ts'
import { parseAddress } from '../../src/model/address.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

let database: Database
let db: Kysely<DB>
const other = newProvider('other', { host: 'imap.other.example' })
t.before(async () => {
  database = await openTestDatabase()
  db = database.kysely
  for (const provider of [PROVIDER, other]) await providers(db).add(provider, BY)
})
t.after(() => database[Symbol.asyncDispose]())

const all = () => domains(db, '/home/%u')
const add = (name: string, newDomain = name, provider = PROVIDER.name) =>
  all().add({ name, newDomain, provider, sharesNames: false }, BY)
const remove = (name: string) => all().remove(name, BY)
const show = async (name: string) => (await all().list()).find((domain) => domain.name === name)
const auditOf = async (subject: string) =>
  (
    await db.selectFrom('audit').select(['action', 'detail']).where('subject', '=', subject).orderBy('id').execute()
  ).map(({ action, detail }) => `${action} ${detail}`)

/** Somebody came from there; with an account, unless they never did. */
async function come(address: string, oldDomain: string, { state = 'done', hasAccount = true } = {}): Promise<void> {
  if (hasAccount)
    await sql`insert into account (address, password_hash, password_source, home)
      values (${address}, 'x', 'source', ${`/home/${address}`})`.execute(db)
  await sql`insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
    select (select id from account where address = ${address}), ${address}, provider_id, ${oldDomain}, ${address},
      ${state}, 'destination' from domain where name = ${oldDomain}`.execute(db)
}

t.test('a domain from which nobody came is removed', async (t) => {
  await add('empty.example', 'full.example')
  t.equal(await remove('empty.example'), 'removed')
  t.equal(await show('empty.example'), undefined)
  t.equal(await remove('empty.example'), null)
  t.match(await auditOf('empty.example'), [/^domain\.add /, 'domain.remove null'])
})

t.test('a domain from which somebody came is closed, once, and opened again', async (t) => {
  for (const [name, newDomain] of [
    ['one.example', 'new.example'],
    ['same.example', 'same.example'],
  ] as const) {
    await add(name, newDomain)
    const anna = `anna@${newDomain}`
    await come(anna, name, { state: 'synced' })
    await t.rejects(remove(name), { message: /unfinished migrations/ })
    t.match(await show(name), { isClosed: false })
    await sql`update migration set state = 'done' where address = ${anna}`.execute(db)
    t.equal(await remove(name), 'closed')
    t.equal(await remove(name), 'closed', 'as it was')
    t.match(await show(name), { newDomain, provider: PROVIDER.name, isClosed: true })
    t.match(await userdb(database).sourceDomainsOf(name), [{ newDomain, isClosed: true }])
    await t.rejects(providers(db).remove(PROVIDER.name, BY), { message: /still has domains or migrations/ })
    await add(name, newDomain)
    t.match(await show(name), { isClosed: false })
    await t.rejects(add(name, newDomain), { message: /exists already/ })
    t.match(await auditOf(name), [/^domain\.add /, 'domain.remove closed', /^domain\.add .*, opened again$/])
  }
})

t.test('aliases and accounts that an old name leads to keep the domain, too', async (t) => {
  await add('names.example', 'called.example')
  await sql`insert into alias values ('sales@called.example', 'x@y.example')`.execute(db)
  t.equal(await remove('names.example'), 'closed')
  await sql`delete from alias where address = 'sales@called.example'`.execute(db)
  await sql`insert into account (address, password_hash, password_source, home)
    values ('own@called.example', 'x', 'destination', '/own')`.execute(db)
  t.equal(await remove('names.example'), 'closed')
  await sql`delete from account where address = 'own@called.example'`.execute(db)
  t.equal(await remove('names.example'), 'removed')
})

t.test('a closed domain is not opened as another one', async (t) => {
  await add('two.example', 'named.example')
  await come('bert@named.example', 'two.example')
  await remove('two.example')
  const how = { message: /two\.example is closed.*--provider old --new-domain named\.example$/ }
  await t.rejects(add('two.example'), how)
  await t.rejects(add('two.example', 'other.example'), how)
  await t.rejects(add('two.example', 'named.example', 'other'), how, 'its people came from elsewhere')
  await add('three.example')
  await come('carl@three.example', 'three.example')
  await remove('three.example')
  await t.rejects(add('three.example', 'named.example', 'other'), { message: /--provider other$/ })
  await add('three.example', 'three.example', 'other')
  t.match(await show('three.example'), { provider: 'other', isClosed: false })
  await t.rejects(add('named.example', 'again.example'), { message: /two\.example becomes named\.example already/ })
})

t.test('nobody is taken in from a closed domain, whoever is on the way', async (t) => {
  await add('late.example')
  await come('dora@late.example', 'late.example')
  await remove('late.example')
  const address = parseAddress('emil@late.example')
  if (address === null) throw new Error()
  const sealed = { bytes: new Uint8Array([1]), to: ['age1'] }
  const emil = { address, home: '/home/emil', provider: PROVIDER, oldDomain: 'late.example', oldUsername: 'emil' }
  await t.rejects(provisioner(db).provision({ ...emil, passwordHash: 'x', seenHash: null, sealed }), {
    message: /the domain changed in the meantime/,
  })
  const line = { ...emil, address: address.text, provider: PROVIDER.name, number: 1, taken: true }
  const imported = imports(db).gather(async (gathering) => {
    await gathering.add([{ ...line, sealed: null, quotaBytes: null }])
    return await gathering.write(BY)
  })
  await t.rejects(imported, { message: /late\.example was closed or removed meanwhile/ })
  t.equal(
    await db.selectFrom('migration').select('id').where('address', '=', address.text).executeTakeFirst(),
    undefined,
  )
})

t.end()
