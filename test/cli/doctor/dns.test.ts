import t from 'tap'
import { checkDkim } from '../../../src/cli/doctor/dkim.ts'
import { checkDns, openDns } from '../../../src/cli/doctor/dns.ts'
import type { Postfix } from '../../../src/cli/doctor/postfix.ts'
import { spf } from '../../../src/cli/doctor/spf.ts'
import { startDns } from '../../support/dns.ts'

const HERE = ['192.0.2.5', '2001:db8::5']
const chain = (length: number) =>
  Array.from({ length }, (_, index) => `--txt-record=c${index}.test,v=spf1 include:c${index + 1}.test -all`)
const server = await startDns([
  `--host-record=new.test,${HERE.join(',')}`,
  '--host-record=mx.old.test,198.51.100.9',
  '--mx-host=old.test,mx.old.test,10',
  '--mx-host=moved.test,new.test,10',
  '--txt-record=old.test,some-other=text',
  '--txt-record=old.test,v=spf1 mx -all',
  '--txt-record=moved.test,v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all',
  '--mx-host=bare.test,mx.old.test,10',
  '--txt-record=a.test,v=spf1 a:new.test -all',
  '--txt-record=nets.test,v=spf1 a:mx.old.test/8//16 -all',
  '--txt-record=included.test,v=spf1 include:moved.test ~all',
  '--txt-record=redirected.test,v=spf1 redirect=moved.test',
  '--txt-record=soft.test,v=spf1 ~all',
  '--txt-record=open.test,v=spf1 -ip4:203.0.113.0/24 +all',
  '--txt-record=macro.test,v=spf1 exists:%{i}.list.test -all',
  '--txt-record=twice.test,v=spf1 -all',
  '--txt-record=twice.test,v=spf1 +all',
  '--txt-record=new._domainkey.old.test,v=DKIM1; k=rsa; p=MIGf',
  '--txt-record=new._domainkey.moved.test,v=DKIM1; p=',
  ...chain(12),
])
t.after(() => server[Symbol.asyncDispose]())
const dns = openDns(server.address)

t.test('SPF lets a host send, does not, or cannot be told', async (t) => {
  const answer = async (domain: string, address = '192.0.2.5') => await spf(domain, address, dns)
  for (const domain of ['moved.test', 'a.test', 'included.test', 'redirected.test', 'open.test']) {
    t.same(await answer(domain), { kind: 'yes' }, domain)
    t.same(await answer(domain, '2001:db8::5'), { kind: 'yes' }, `${domain}, IPv6`)
  }
  for (const domain of ['old.test', 'soft.test', 'nets.test']) t.same(await answer(domain), { kind: 'no' }, domain)
  t.same(await answer('old.test', '198.51.100.9'), { kind: 'yes' })
  t.same(await answer('nets.test', '198.7.7.7'), { kind: 'yes' })
  t.same(await answer('open.test', '203.0.113.4'), { kind: 'no' })
  t.same(await answer('bare.test'), { kind: 'none' })
  t.same(await answer('nowhere.test'), { kind: 'none' })
  t.match(await answer('macro.test'), { kind: 'unknown', cause: /exists/ })
  t.match(await answer('twice.test'), { kind: 'unknown', cause: /more than one/ })
  t.match(await answer('c1.test'), { kind: 'unknown', cause: /more than 10 look-ups/ })
  t.same(await answer('c2.test'), { kind: 'no' }, 'ten are allowed')
})

const domain = (name: string, newDomain = name) => ({ name, newDomain, provider: 'old', sharesNames: false })
const found = async (name: string, myhostname = 'new.test') =>
  await Array.fromAsync(checkDns([domain(name)], { myhostname } as Postfix, dns))

t.test('whether what people send is signed, and whether the key is in the DNS', async (t) => {
  const domains = [domain('old.test', 'moved.test'), domain('bare.test')]
  const found = async (smtpd_milters: string | null, selector?: string, asked = dns) => {
    const postfix = smtpd_milters === null ? null : ({ smtpd_milters } as Postfix)
    return await Array.fromAsync(checkDkim(domains, postfix, asked, selector))
  }
  t.match(await found(''), [{ id: 'dns-dkim', result: 'warn', found: /nobody sign/, remedy: /smtpd_milters/ }])
  t.match(await found('inet:localhost:8891'), [{ result: 'ok', found: /--dkim-selector/ }])
  t.same(await found(null), [])
  t.match(await found('', 'new'), [
    { result: 'warn', found: 'new._domainkey.bare.test has no key', remedy: /^new\._domainkey\.bare\.test\. IN TXT / },
    { result: 'warn', found: 'the key of new._domainkey.moved.test is withdrawn' },
    { id: 'dns-dkim', result: 'ok', found: 'new._domainkey.old.test has a key' },
  ])
  t.match(await found('', 'new', openDns('127.0.0.1:1')), [{ result: 'warn', found: /does not answer/ }, {}, {}])
})

t.test('who sends is told which record lets this server send', async (t) => {
  t.match(await found('old.test'), [
    { id: 'dns-name', result: 'ok', found: 'this server is new.test, 192.0.2.5, 2001:db8::5' },
    { id: 'dns-mx', result: 'ok', found: 'mail for old.test goes to mx.old.test' },
    { id: 'dns-spf', result: 'warn', remedy: 'old.test. IN TXT "v=spf1 ip4:192.0.2.5 ip6:2001:db8::5 mx -all"' },
  ])
  t.match(await found('moved.test'), [
    { id: 'dns-name' },
    { id: 'dns-mx', result: 'ok', found: 'mail for moved.test goes to new.test: here' },
    { id: 'dns-spf', result: 'ok' },
  ])
  t.match(await found('bare.test'), [{}, {}, { id: 'dns-spf', result: 'warn', found: 'bare.test has no SPF' }])
  t.match(await found('macro.test'), [
    {},
    { id: 'dns-mx', result: 'warn' },
    { result: 'warn', found: /cannot be told/ },
  ])
})

t.test('a server without a name in the DNS, and a DNS that is away, are told', async (t) => {
  t.match(await found('old.test', 'nowhere.test'), [
    { id: 'dns-name', result: 'warn', found: /nowhere\.test, which has no address/, remedy: /myhostname/ },
    { id: 'dns-mx' },
  ])
  const away = await Array.fromAsync(checkDns([domain('old.test')], null, openDns('127.0.0.1:1')))
  t.match(away.at(-1), { result: 'warn', found: /the DNS does not answer for \S+ \(ECONNREFUSED/ })
})

t.test('each name of a renamed domain is looked at', async (t) => {
  const both = await Array.fromAsync(
    checkDns([domain('old.test', 'moved.test')], { myhostname: 'new.test' } as Postfix, dns),
  )
  t.same(
    both.map(({ id }) => id),
    ['dns-name', 'dns-mx', 'dns-spf', 'dns-mx', 'dns-spf'],
  )
})

t.end()
