import { sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { domains } from '../../src/db/domains.ts'
import { keepOnlyAtSource, onlyAtSource } from '../../src/db/only-at-source.ts'
import { owners } from '../../src/db/owners.ts'
import { providers } from '../../src/db/providers.ts'
import { recipients } from '../../src/db/recipients.ts'
import { parseAddress, withoutDetail } from '../../src/model/address.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { deliveryOf, NoMx } from '../../src/routing/delivery.ts'
import { RouteReads } from '../../src/routing/holds.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'

const DOMAINS = [
  ['old.example', 'old.example', 'old'],
  ['renamed.example', 'new.example', 'old'],
  ['one.example', 'merged.example', 'old'],
  ['two.example', 'merged.example', 'other'],
  ['three.example', 'merged.example', 'names'],
  ['four.example', 'merged.example', 'names'],
  ['bare.example', 'bare.example', 'bare'],
  ['closed.example', 'closed.example', 'old'],
  ['once.example', 'now.example', 'old'],
  ['late.example', 'both.example', 'other'],
  ['shut.example', 'both.example', 'old'],
  ['shut-names.example', 'names.example', 'names'],
  ['late-names.example', 'names.example', 'names'],
] as const
const CLOSED = ['closed.example', 'once.example', 'shut.example', 'shut-names.example']

/** Account (unless awaited), and old domain and user name of the migration. */
const PEOPLE = [
  ['anna@old.example', 'here', 'old.example', 'anna@old.example'],
  ['awaited@old.example', 'awaited', 'old.example', 'awaited@old.example'],
  ['proxied@old.example', 'source', 'old.example', 'proxied@old.example'],
  ['bert@new.example', 'here', 'renamed.example', 'bert@renamed.example'],
  ['cleo@merged.example', 'here', 'one.example', 'cleo@one.example'],
  ['dora@merged.example', 'awaited', 'two.example', 'dora@two.example'],
  ['finn@merged.example', 'here', 'three.example', 'finn'],
  ['eva@bare.example', 'here', 'bare.example', 'eva@bare.example'],
  ['gina@closed.example', 'here', 'closed.example', 'gina@closed.example'],
  ['hugo@now.example', 'here', 'once.example', 'hugo@once.example'],
  ['ina@now.example', 'source', 'once.example', 'ina@once.example'],
  ['jan@now.example', 'awaited', 'once.example', 'jan@once.example'],
  ['kim@both.example', 'here', 'late.example', 'kim@late.example'],
  ['leo@both.example', 'here', 'shut.example', 'leo@shut.example'],
  ['max@both.example', 'awaited', 'shut.example', 'max@shut.example'],
  ['ned@names.example', 'source', 'late-names.example', 'ned'],
  ['own@elsewhere.example', 'here', null, null],
  ['own@new.example', 'here', null, null],
] as const

let database: Database
t.before(async () => {
  database = await openTestDatabase()
  const { kysely } = database
  const mx = { mx: 'mx.old.example' }
  for (const provider of [
    newProvider('old', { host: 'imap.old.example', ...mx }),
    newProvider('other', { host: 'imap.other.example', ...mx }),
    newProvider('names', { host: 'imap.names.example', loginName: '%n', ...mx }),
    newProvider('bare', { host: 'imap.bare.example' }),
  ])
    await providers(kysely).add(provider, BY)
  for (const [name, newDomain, provider] of DOMAINS)
    await domains(kysely, '/home/%u').add({ name, newDomain, provider, sharesNames: true }, BY)
  for (const [address, how, oldDomain, oldUsername] of PEOPLE) {
    if (how !== 'awaited')
      await sql`insert into account (address, password_hash, password_source, home)
        values (${address}, 'x', 'source', ${`/home/${address}`})`.execute(kysely)
    if (oldDomain === null) continue
    await sql`insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
      select (select id from account where address = ${address}), ${address}, provider_id, ${oldDomain}, ${oldUsername},
        ${how === 'awaited' ? 'awaited' : 'pending'}, ${how === 'source' ? 'source' : 'destination'}
        from domain where name = ${oldDomain}`.execute(kysely)
  }
  await sql`update domain set is_closed = true where name = any(${CLOSED})`.execute(kysely)
  await sql`insert into alias values ('sales@new.example', 'bert@new.example'), ('sales@new.example', 'x@y.example'),
    ('sales+special@new.example', 'anna@old.example'), ('list@one.example', 'x@y.example'),
    ('list@merged.example', 'x@y.example')`.execute(kysely)
})
t.after(() => database[Symbol.asyncDispose]())

const asked = (text: string) => {
  const typed = parseAddress(text)
  if (typed === null) throw new Error(text)
  return { typed, person: withoutDetail(typed, '+') }
}
const find = async (...addresses: string[]) => await recipients(database).recipients(addresses.map(asked))
const ownerOf = async (address: string) => (await find(address))[0]?.owner

const NOBODY = { owner: null, alias: null, served: null }

t.test('domains are ours while a provider serves them, or somebody has an account or an alias there', async (t) => {
  const names = ['old.example', 'renamed.example', 'new.example', 'elsewhere.example', 'y.example', 'example']
  t.same(await recipients(database).domains(names), [true, true, true, true, false, false])
})

t.test('whose an address is', async (t) => {
  t.equal(await ownerOf('anna+shop@old.example'), 'anna@old.example')
  t.equal(await ownerOf('awaited@old.example'), null, 'nobody who has not come')
  t.equal(await ownerOf('bert@renamed.example'), 'bert@new.example')
  t.equal(await ownerOf('own@renamed.example'), 'own@new.example', 'an account that came from nowhere')
  t.equal(await ownerOf('cleo@one.example'), 'cleo@merged.example')
  t.equal(await ownerOf('cleo@two.example'), null, 'another cleo')
  t.equal(await ownerOf('finn@four.example'), 'finn@merged.example', 'one mailbox by two addresses')
})

t.test('a closed domain knows who came from there, and nobody else', async (t) => {
  t.same(await recipients(database).domains(['closed.example', 'once.example', 'now.example']), [true, true, true])
  t.equal(await ownerOf('hugo@once.example'), 'hugo@now.example')
  t.equal(await ownerOf('hugo+x@now.example'), 'hugo@now.example')
  t.match(await find('hugo@once.example', 'nobody@once.example'), [{ owner: 'hugo@now.example' }, NOBODY])
  t.same(await find('nobody@closed.example', 'nobody@now.example', 'jan@now.example'), [NOBODY, NOBODY, NOBODY])
  t.same(await find('nobody@both.example', 'nobody@shut.example'), [{ ...NOBODY, served: 'with mx' }, NOBODY])
})

t.test('aliases are found under both names, the more special one first', async (t) => {
  const sales = { address: 'sales@new.example', targets: ['bert@new.example', 'x@y.example'] }
  const special = { address: 'sales+special@new.example', targets: ['anna@old.example'] }
  t.same(
    (await find('sales@new.example', 'sales+other@new.example', 'sales@renamed.example')).map(({ alias }) => alias),
    [sales, sales, sales],
  )
  t.same(
    (await find('sales+special@new.example', 'sales+special@renamed.example')).map(({ alias }) => alias),
    [special, special],
  )
})

t.test('where several domains became one, an alias is only what it is called', async (t) => {
  const names = ['list@one.example', 'list@two.example', 'list@merged.example']
  t.same(
    (await find(...names)).map(({ alias }) => alias?.address ?? null),
    ['list@one.example', null, 'list@merged.example'],
  )
})

t.test('many are answered in the order of the questions', async (t) => {
  const names = Array.from({ length: 300 }, (_, number) =>
    number % 7 === 0 ? 'anna@old.example' : `x${number}@old.example`,
  )
  const found = await find(...names)
  t.same(
    found.map(({ owner }) => owner !== null),
    names.map((name) => name.startsWith('anna')),
  )
})

t.test('who is taken, and who is asked for at the old server, is what the delivery decides', async (t) => {
  const deps = {
    owners: owners(database, new RouteReads()),
    recipientDelimiter: '+',
    fromDatabase: <T>(work: Promise<T>) => work,
  }
  const locals = ['nobody', 'nobody+x', ...new Set(PEOPLE.map(([address]) => address.split('@')[0]))]
  const names = new Set([
    ...DOMAINS.map(([name]) => name),
    ...DOMAINS.map(([, newDomain]) => newDomain),
    'elsewhere.example',
    'y.example',
  ])
  for (const domain of names) {
    for (const local of locals) {
      const to = await deliveryOf(`${local}@${domain}`, deps).then(
        (delivery) => delivery.to,
        (cause) => (cause instanceof NoMx ? 'queue' : Promise.reject(cause)),
      )
      const [found] = await find(`${local}@${domain}`)
      const isTaken = found?.owner !== null || found.served === 'with mx'
      t.equal(isTaken, to === 'destination' || to === 'source', `${local}@${domain} goes to ${to}`)
      t.equal(!isTaken && found?.served === 'without mx', to === 'queue', `${local}@${domain} goes to ${to}`)
      if (to === 'destination') t.not(found?.owner, null, `${local}@${domain} is here`)
    }
  }
})

t.test('what only the old server took is counted until the person comes', async (t) => {
  const keep = keepOnlyAtSource(database.kysely)
  await keep(
    new Map([
      ['anna@old.example', 1],
      ['list@old.example', 2],
      ['x@renamed.example', 1],
    ]),
  )
  await keep(new Map([['list@old.example', 3]]))
  const list = onlyAtSource(database.kysely, recipients(database))
  const counted = async (scope: object = {}) =>
    (await list.page({ limit: 10, ...scope })).rows.map(({ address, messages }) => [address, messages])
  t.same(
    await counted(),
    [
      ['list@old.example', 5],
      ['x@renamed.example', 1],
    ],
    'anna is here',
  )
  t.same(await counted({ domain: 'renamed.example' }), [['x@renamed.example', 1]])
  t.same(await counted({ provider: 'other' }), [])
  t.same((await counted({ provider: 'old' })).length, 2)
  await sql`update only_at_source set last_at = now() - interval '91 days'`.execute(database.kysely)
  t.same(await counted(), [], 'and is forgotten')
  await keep(new Map([['y@old.example', 1]]))
  const { rows } = await database.pool.query('select address from only_at_source')
  t.same(rows, [{ address: 'y@old.example' }])
})

t.end()
