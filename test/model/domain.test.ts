import t from 'tap'
import { type Domain, MOST_MERGED, objectionTo, type ServedDomain, type Telling } from '../../src/model/domain.ts'
import { mergingText } from '../../src/operations/domains.ts'

const domain = (name: string, newDomain = name, provider = 'old'): ServedDomain => ({ name, newDomain, provider })
const TELLING: Telling = { loginName: '%u', home: '/var/vmail/%d/%n', sharesNames: false }

t.test('whose home would be another’s is not served beside them', async (t) => {
  const there = [domain('a.example')]
  for (const home of ['/var/vmail/%n', '/srv/%n/mail']) {
    t.match(objectionTo(domain('b.example'), there, { ...TELLING, home }), /would share a home: put %d or %u into it/)
    t.equal(objectionTo(domain('b.example', 'a.example'), there, { ...TELLING, home }), null, 'one new domain')
    t.equal(objectionTo(domain('a.example'), [], { ...TELLING, home }), null, 'the first one')
  }
  for (const home of ['/var/vmail/%u', '/var/vmail/%d/%n']) {
    t.equal(objectionTo(domain('b.example'), there, { ...TELLING, home }), null)
  }
})

t.test('whom the provider cannot tell apart by domain have one new domain, or are said to be one', async (t) => {
  const there = [domain('a.example'), domain('c.example', 'c.example', 'another')]
  const short = { ...TELLING, loginName: '%n' } as const
  t.match(
    objectionTo(domain('b.example'), there, short),
    /anna@b\.example and anna@a\.example for one person.*--shared-names/,
  )
  t.equal(objectionTo(domain('b.example'), there, { ...short, sharesNames: true }), null)
  t.equal(objectionTo(domain('b.example', 'a.example'), there, short), null)
  t.equal(objectionTo(domain('d.example', 'd.example', 'third'), there, short), null, 'another provider')
})

t.test('what merging means is said, and only so many are merged', async (t) => {
  const there = Array.from({ length: MOST_MERGED }, (_, at) => domain(`d${at}.example`, 'new.example'))
  t.match(
    objectionTo(domain('one-more.example', 'new.example'), there, TELLING),
    /8 domains become new\.example already/,
  )
  t.equal(objectionTo(domain('one-more.example', 'new.example'), there.slice(1), TELLING), null)
  const [one, ...others] = there
  const closed = [{ ...one, isClosed: true } as Domain, ...others]
  t.equal(objectionTo(domain('one-more.example', 'new.example'), closed, TELLING), null, 'nobody is asked about it')
  t.match(
    mergingText(domain('b.example', 'new.example'), there.slice(0, 1)),
    /^d0\.example and b\.example become new\.example together/,
  )
  t.equal(mergingText(domain('b.example'), there), null)
})

t.test('a domain is not renamed twice over', async (t) => {
  const there = [domain('old.example', 'new.example')]
  for (const added of [domain('new.example', 'third.example'), domain('first.example', 'old.example')]) {
    t.match(objectionTo(added, there, TELLING), /old\.example becomes new\.example already/)
  }
  t.equal(objectionTo(domain('new.example'), there, TELLING), null)
})

t.end()
