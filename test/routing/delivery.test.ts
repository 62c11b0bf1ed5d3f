import t from 'tap'
import { newProvider } from '../../src/model/provider-changes.ts'
import { type Delivery, deliveryOf } from '../../src/routing/delivery.ts'
import type { Owner, Owners } from '../../src/routing/ports.ts'

const OLD = newProvider('old', { host: 'imap.old.example', mx: 'mx.old.example', mxPort: 2525, mxTls: 'encrypted' })
const OTHER = newProvider('other', { host: 'imap.other.example', mx: 'mx.other.example' })
const WITHOUT_MX = newProvider('bare', { host: 'imap.bare.example' })

const DOMAINS = [
  ['old.example', 'old.example', OLD],
  ['renamed.example', 'new.example', OLD],
  ['one.example', 'merged.example', OLD],
  ['two.example', 'merged.example', OTHER],
  ['bare.example', 'bare.example', WITHOUT_MX],
  ['three.example', 'merged.example', WITHOUT_MX],
  ['closed.example', 'closed.example', OLD],
  ['once.example', 'now.example', OLD],
  ['late.example', 'both.example', OTHER],
  ['shut.example', 'both.example', OLD],
] as const
const CLOSED: readonly string[] = ['closed.example', 'once.example', 'shut.example']

const from = (oldDomain: string, oldUsername: string, provider = 'old') => ({
  ...{ provider: { name: provider }, oldDomain, oldUsername },
})
const OWNERS: Readonly<Record<string, Owner>> = {
  'anna@old.example': { hasAccount: true, isHere: true, isHeld: false, from: from('old.example', 'anna@old.example') },
  'imported@old.example': {
    hasAccount: false,
    isHere: false,
    isHeld: false,
    from: from('old.example', 'imported@old.example'),
  },
  'bert@new.example': {
    hasAccount: true,
    isHere: true,
    isHeld: false,
    from: from('renamed.example', 'bert@renamed.example'),
  },
  'cleo@merged.example': {
    hasAccount: true,
    isHere: true,
    isHeld: false,
    from: from('one.example', 'cleo@one.example'),
  },
  'dora@merged.example': {
    hasAccount: false,
    isHere: false,
    isHeld: false,
    from: from('two.example', 'dora@two.example', 'other'),
  },
  'eva@bare.example': {
    hasAccount: true,
    isHere: true,
    isHeld: false,
    from: from('bare.example', 'eva@bare.example', 'bare'),
  },
  'fritz@bare.example': {
    hasAccount: false,
    isHere: false,
    isHeld: false,
    from: from('bare.example', 'fritz@bare.example', 'bare'),
  },
  'gina@closed.example': { hasAccount: true, isHere: true, isHeld: false, from: from('closed.example', 'gina') },
  'hugo@now.example': {
    hasAccount: true,
    isHere: true,
    isHeld: false,
    from: from('once.example', 'hugo@once.example'),
  },
  'ina@now.example': { hasAccount: true, isHere: false, isHeld: false, from: from('once.example', 'ina@once.example') },
  'jan@now.example': {
    hasAccount: false,
    isHere: false,
    isHeld: false,
    from: from('once.example', 'jan@once.example'),
  },
  'kim@both.example': { hasAccount: true, isHere: true, isHeld: false, from: from('late.example', 'kim', 'other') },
  'own@elsewhere.example': { hasAccount: true, isHere: true, isHeld: false, from: null },
}

/** As the database answers it. */
const owners: Owners = {
  async sourceDomainsOf(domain) {
    const named = DOMAINS.map(([oldDomain, newDomain, provider]) => {
      return { oldDomain, newDomain, provider, isClosed: CLOSED.includes(oldDomain) }
    })
    const renamed = named.filter(({ oldDomain, newDomain }) => oldDomain === domain && newDomain !== domain)
    return renamed.length > 0 ? renamed : named.filter(({ newDomain }) => newDomain === domain)
  },
  ownerOf: async (address) => OWNERS[address] ?? null,
}

const where = (recipient: string, recipientDelimiter = '+'): Promise<Delivery> =>
  deliveryOf(recipient, { owners, recipientDelimiter, fromDatabase: (work) => work })

const HERE: Delivery = { to: 'destination' }
const NOBODY: Delivery = { to: 'nobody' }
const AT_OLD = { to: 'source', mx: { host: 'mx.old.example', port: 2525, tls: 'encrypted' } } as const
const AT_OTHER = { to: 'source', mx: { host: 'mx.other.example', port: 25, tls: 'verified' } } as const

t.test('mail goes to the destination for who has signed in there, and to the old MX for everybody else', async (t) => {
  t.same(await where('anna@old.example'), HERE)
  t.same(await where('Anna@OLD.example'), HERE, 'however it is written')
  t.same(await where('anna+shop@old.example'), HERE, 'a sub-address')
  t.same(
    await where('unknown@old.example'),
    { ...AT_OLD, renamed: null },
    'nobody here knows them: the old server does',
  )
  t.same(await where('unknown+shop@old.example'), { ...AT_OLD, renamed: null })
  t.same(await where('imported@old.example'), { ...AT_OLD, renamed: null }, 'imported, and not here yet')
  t.same(await where('own@elsewhere.example'), HERE, 'an account of its own')
})

t.test('a domain that no provider serves, and a name that is no address, are nobody', async (t) => {
  for (const recipient of ['x@elsewhere.example', 'anna', 'an na@old.example', ''])
    t.same(await where(recipient), NOBODY)
})

t.test(
  'without an MX of the provider mail for whoever is not here waits: nobody can say that there is no such person',
  async (t) => {
    t.same(await where('eva@bare.example'), HERE)
    for (const local of ['fritz', 'unknown', 'unknown+shop'])
      await t.rejects(where(`${local}@bare.example`), { message: /provider bare has no MX/ })
  },
)

t.test('in a renamed domain the old server is told the old address', async (t) => {
  t.same(await where('bert@new.example'), HERE)
  t.same(await where('bert@renamed.example'), HERE)
  t.same(await where('unknown@renamed.example'), { ...AT_OLD, renamed: null })
  const renamed = { local: 'unknown', domain: 'renamed.example', text: 'unknown@renamed.example' }
  t.same(await where('unknown@new.example'), { ...AT_OLD, renamed })
})

t.test('where domains became one, nobody gets the mail of another', async (t) => {
  t.same(await where('cleo@merged.example'), HERE)
  t.same(await where('cleo@one.example'), HERE)
  t.same(await where('cleo@two.example'), { ...AT_OTHER, renamed: null }, 'another cleo')
  await t.rejects(where('cleo@three.example'), { message: /bare has no MX/ }, 'and a third, whose old server has no MX')
  t.match(
    await where('dora@merged.example'),
    { ...AT_OTHER, renamed: { text: 'dora@two.example' } },
    'awaited from there',
  )
  t.same(await where('unknown@merged.example'), NOBODY, 'it may be either server')
  t.same(await where('unknown@two.example'), { ...AT_OTHER, renamed: null })
})

t.test('a closed domain knows who came from there, by both names, and nobody else', async (t) => {
  for (const local of ['gina@closed', 'gina+x@closed', 'hugo@once', 'hugo@now'])
    t.same(await where(`${local}.example`), HERE, local)
  for (const local of ['unknown@closed', 'unknown@once', 'unknown@now', 'jan@once', 'jan@now'])
    t.same(await where(`${local}.example`), NOBODY, local)
  const renamed = { local: 'ina', domain: 'once.example', text: 'ina@once.example' }
  t.same(await where('ina@now.example'), { ...AT_OLD, renamed }, 'who was led back')
  t.same(await where('ina@once.example'), { ...AT_OLD, renamed: null })
})

t.test('a closed domain is no place where somebody may be whom one beside it may know', async (t) => {
  t.match(await where('unknown@both.example'), { ...AT_OTHER, renamed: { text: 'unknown@late.example' } })
  t.same(await where('unknown@shut.example'), NOBODY)
  t.same(await where('kim@shut.example'), NOBODY, 'another kim')
  t.same(await where('kim@late.example'), HERE)
})

t.test('a detail is cut off only by the delimiter that is set', async (t) => {
  t.match(await where('anna+shop@old.example', ''), AT_OLD)
})

t.test('what the database cannot say is not said', async (t) => {
  const away: Owners = { ...owners, ownerOf: () => Promise.reject(new Error('connection refused')) }
  await t.rejects(
    deliveryOf('anna@old.example', { owners: away, recipientDelimiter: '', fromDatabase: (work) => work }),
    { message: 'connection refused' },
  )
})
