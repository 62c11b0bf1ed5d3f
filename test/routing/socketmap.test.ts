import t from 'tap'
import { type AskedAddress, type Recipient, together } from '../../src/routing/recipients.ts'
import { type SocketmapDeps, socketmap } from '../../src/routing/socketmap.ts'

const NOBODY: Recipient = { owner: null, alias: null, served: null }
const STRANGER: Recipient = { ...NOBODY, served: 'with mx' }
const aliasTo = (address: string, ...targets: string[]): Recipient => ({ ...STRANGER, alias: { address, targets } })

const KNOWN: Readonly<Record<string, Recipient>> = {
  'anna@new.example': { ...STRANGER, owner: 'anna@new.example' },
  'anna@renamed.example': { ...STRANGER, owner: 'anna@new.example' },
  'bert@new.example': { ...STRANGER, owner: 'bert@new.example' },
  'later@new.example': STRANGER,
  'waits@bare.example': { ...NOBODY, served: 'without mx' },
  'sales@new.example': aliasTo('sales@new.example', 'anna@new.example', 'team@new.example', 'else@where.example'),
  'sales@renamed.example': aliasTo('sales@new.example', 'anna@new.example'),
  'team@new.example': aliasTo('team@new.example', 'bert@new.example', 'sales@new.example'),
  'both@new.example': { ...aliasTo('both@new.example', 'anna@new.example'), owner: 'both@new.example' },
  'nowhere@new.example': aliasTo('nowhere@new.example', 'else@where.example'),
}

function asking(changes: Partial<SocketmapDeps> = {}) {
  const asked: AskedAddress[] = []
  const counted: string[] = []
  const troubles: unknown[] = []
  const answer = socketmap({
    isOurs: async (domain) => domain === 'new.example',
    async recipient(one) {
      asked.push(one)
      return KNOWN[one.person.text] ?? NOBODY
    },
    countOnlyAtSource: (address) => counted.push(address),
    recipientDelimiter: '+',
    onTrouble: (_, cause) => troubles.push(cause),
    ...changes,
  })
  return { answer, asked, counted, troubles }
}

const { answer } = asking()

t.test('domain: ours or not', async (t) => {
  t.equal(await answer('domain new.example'), 'OK new.example')
  t.equal(await answer('domain NEW.Example'), 'OK new.example')
  t.equal(await answer('domain elsewhere.example'), 'NOTFOUND ')
})

t.test('recipient: who is here, by each name, and who is to be asked for at the old server', async (t) => {
  t.equal(await answer('recipient Anna@New.example'), 'OK anna@new.example')
  t.equal(await answer('recipient anna@renamed.example'), 'OK anna@new.example')
  t.equal(await answer('recipient anna+shop@new.example'), 'OK anna@new.example', 'Postfix does not cut off the detail')
  t.equal(await answer('recipient sales@new.example'), 'OK sales@new.example')
  t.equal(await answer('recipient later@new.example'), 'OK later@new.example')
  t.equal(await answer('recipient x@elsewhere.example'), 'NOTFOUND ')
  t.match(await answer('recipient waits@bare.example'), /^TEMP .*no mail exchanger/, 'nobody can be asked')
})

t.test('alias: what mail goes to instead', async (t) => {
  t.equal(await answer('alias anna@new.example'), 'NOTFOUND ')
  t.equal(await answer('alias anna@renamed.example'), 'OK anna@new.example')
  t.equal(await answer('alias anna+shop@renamed.example'), 'OK anna+shop@new.example', 'the detail stays')
  t.equal(await answer('alias sales@new.example'), 'OK anna@new.example, team@new.example, else@where.example')
  t.equal(await answer('alias sales+x@new.example'), 'OK anna@new.example, team@new.example, else@where.example')
  t.equal(await answer('alias sales@renamed.example'), 'OK sales@new.example')
  t.equal(await answer('alias both@new.example'), 'NOTFOUND ', 'whose address it is goes before the alias')
  t.equal(await answer('alias later@new.example'), 'NOTFOUND ')
})

t.test('sender_login: who may send as an address', async (t) => {
  t.equal(await answer('sender_login anna@new.example'), 'OK anna@new.example')
  t.equal(await answer('sender_login anna@renamed.example'), 'OK anna@new.example')
  t.equal(await answer('sender_login sales@new.example'), 'OK anna@new.example, bert@new.example', 'through aliases')
  t.equal(await answer('sender_login nowhere@new.example'), 'NOTFOUND ')
  t.equal(await answer('sender_login later@new.example'), 'NOTFOUND ', 'what nobody here has is nobody’s to refuse')
})

t.test('accepted: finds nothing, and counts for whom the old server took mail', async (t) => {
  const { answer, counted } = asking()
  for (const one of [
    'later@new.example',
    'later+x@new.example',
    'anna@new.example',
    'sales@new.example',
    'x@y.example',
  ])
    t.equal(await answer(`accepted ${one}`), 'NOTFOUND ')
  t.same(counted, ['later@new.example', 'later@new.example'])
})

t.test('what is no address is not asked for', async (t) => {
  const { answer, asked } = asking()
  const keys = [
    '',
    'anna',
    '@new.example',
    'a b@new.example',
    'a@b@new.example',
    "x'; --@new.example",
    'a@\ufffd',
    '\0@x',
  ]
  for (const map of ['recipient', 'alias', 'sender_login', 'accepted', 'domain']) {
    for (const key of keys) t.equal(await answer(`${map} ${key}`), 'NOTFOUND ', JSON.stringify([map, key]))
  }
  t.same(asked, [])
})

t.test('a map that there is not is a mistake in the configuration', async (t) => {
  for (const request of ['', 'domain', 'relay x@y.example', '__proto__ x', ' x']) {
    t.match(await answer(request), /^PERM the maps are domain, recipient, alias, sender_login/, request)
  }
})

t.test('what the database cannot say is not said', async (t) => {
  const away = () => Promise.reject(new Error('connection refused'))
  const { answer, troubles } = asking({ isOurs: away, recipient: away })
  for (const map of ['domain', 'recipient', 'alias', 'sender_login']) {
    t.equal(
      await answer(`${map} ${map === 'domain' ? 'x.example' : 'a@x.example'}`),
      'TEMP postferry cannot ask its database',
    )
  }
  t.equal(await answer('accepted a@x.example'), 'NOTFOUND ', 'what is only counted keeps no mail back')
  t.equal(troubles.length, 5)
})

t.test('an answer that Postfix would not take is not given', async (t) => {
  const many = Array.from({ length: 2_000 }, (_, number) => `${'x'.repeat(60)}${number}@new.example`)
  const { answer } = asking({ recipient: async () => aliasTo('all@new.example', ...many) })
  t.match(await answer('alias all@new.example'), /^PERM .*longer than Postfix takes/)
})

t.test('what is asked at one moment is asked once, and everybody gets their own answer', async (t) => {
  const batches: number[] = []
  let fails = false
  const square = together(async (numbers: readonly number[]) => {
    batches.push(numbers.length)
    await new Promise(setImmediate)
    if (fails) throw new Error('away')
    return numbers.map((number) => number * number)
  })
  const numbers = Array.from({ length: 1_200 }, (_, number) => number)
  t.same(
    await Promise.all(numbers.map(square)),
    numbers.map((number) => number * number),
  )
  t.same(batches, [500, 500, 200])
  fails = true
  const outcomes = await Promise.allSettled(numbers.slice(0, 3).map(square))
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  fails = false
  t.equal(await square(3), 9, 'and it goes on')
})
