import t from 'tap'
import { atOnceFlaw, chosenCutover, type FlippingHost } from '../../src/model/cutover.ts'
import { newProvider, type ProviderChanges } from '../../src/model/provider-changes.ts'

const ABLE: FlippingHost = { host: 'one', cannotFlip: null }
const UNABLE: FlippingHost = { host: 'two', cannotFlip: 'nobody answers' }
const choose = (changes: Omit<ProviderChanges, 'host'>, hosts = [ABLE]) =>
  chosenCutover(newProvider('old', { host: 'imap.old.example', ...changes }), hosts)

t.test('people are proxied where a copying host can flip them, and else the reason is told', async (t) => {
  t.same(choose({}), { cutover: 'proxied', why: 'one can flip people' })
  t.match(choose({ engine: 'doveadm', tls: 'starttls' }), { cutover: 'proxied' })
  for (const [found, why] of [
    [choose({}, []), /"postferry sync"/],
    [choose({}, [ABLE, UNABLE]), /^two cannot flip people: nobody answers$/],
    [choose({ engine: 'offlineimap' }), /only doveadm/],
    [choose({ fingerprint: 'A'.repeat(64) }), /fingerprint/],
    [choose({ caFile: '/etc/ca.pem' }), /CA file/],
    [choose({ tls: 'none' }), /proves/],
    [choose({ roles: 'map' }), /names/],
  ] as const) {
    t.match(found, { cutover: 'immediate', why })
  }
})

t.test(
  'a server that takes few connections from one address takes no proxied people, unless they come from several',
  async (t) => {
    const of = (taken: number, isRefused: boolean, loginAddresses = 1, greeting = '* OK ready') =>
      atOnceFlaw({ loginAddresses }, { taken, isRefused, greeting })
    t.match(of(4, true), { why: /takes 4 connections at once/, remedy: /login_source_ips/ })
    t.match(of(29, true, 1, '* OK Courier-IMAP ready'), { remedy: /MAXPERIP/ })
    for (const taken of [of(30, true), of(30, false), of(4, true, 8), of(0, true)]) t.equal(taken, null)
  },
)
