import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { changedProvider, newProvider } from '../../src/model/provider-changes.ts'
import { Refused } from '../../src/model/refused.ts'

const MISTAKES = 'some fields cannot be used'
const IN_THE_CLEAR = {
  tls: 'With tls none passwords travel in the clear: confirm it with plain_text (--plain-text).',
}
const lastTest = { at: new Date(), failedStep: null }
const before: Provider = { ...newProvider('old', { host: 'imap.old.example' }), refusal: 'nein', lastTest }

t.test('a new provider has the defaults', async (t) => {
  t.same(newProvider('old', { host: 'h' }), {
    ...{ name: 'old', host: 'h', tls: 'implicit', port: 993, loginName: '%u', caFile: null, fingerprint: null },
    ...{ maxConnections: 20, copyConnections: null, dailyBytes: null, forwardsClient: false, afterRefusal: 'admit' },
    ...{ mx: null, mxPort: 25, mxTls: 'verified', tlsMin: '1.2', masterName: null, masterLogin: 'user*master' },
    ...{
      engine: 'auto',
      roles: 'keep',
      cutover: 'immediate',
      flip: 'auto',
      isGone: false,
      pop3Port: null,
      pop3Uidl: 'dovecot',
      sievePort: null,
      filters: 'carry',
      loginAddresses: 1,
      window: null,
      include: [],
      exclude: [],
      reopens: false,
      refusal: null,
      lastTest: null,
    },
  })
  t.match(newProvider('old', { host: 'h', tls: 'starttls' }), { port: 143 })
})

t.test('copying gets no more connections than are not kept for sign-ins', async (t) => {
  const sized = (maxConnections: number, copyConnections: number | null) => {
    return changedProvider(before, { maxConnections, copyConnections })
  }
  t.equal(sized(4, 3).copyConnections, 3)
  t.throws(() => sized(4, 4), /of 4 connections copying may have 3 at most/)
  const three = { ...before, copyConnections: 3 }
  t.throws(() => changedProvider(three, { maxConnections: 3 }), /of 3 connections copying may have 2 at most/)
  t.equal(changedProvider(three, { maxConnections: 3, copyConnections: null }).copyConnections, null)
})

t.test('people are proxied only where there is a mirror, and Dovecot can check the certificate', async (t) => {
  t.throws(() => changedProvider(before, { cutover: 'proxied', engine: 'offlineimap' }), /only doveadm makes/)
  t.equal(changedProvider(before, { cutover: 'proxied' }).engine, 'auto')
  const pinned = { cutover: 'proxied', engine: 'doveadm', fingerprint: 'ab'.repeat(32) } as const
  t.throws(() => changedProvider(before, pinned), /Dovecot cannot check a fingerprint/)
  const proxied = changedProvider(before, { cutover: 'proxied', engine: 'doveadm' })
  t.throws(() => changedProvider(proxied, { engine: 'offlineimap' }), /only doveadm makes/)
  t.equal(changedProvider(proxied, { cutover: 'immediate', engine: 'offlineimap' }).engine, 'offlineimap')
})

t.test('people are flipped in the copying hours alone only where there are some', async (t) => {
  t.throws(() => changedProvider(before, { flip: 'window' }), /set them \(--window\), or flip auto/)
  const window = { from: '20:00', until: '06:00', zone: 'UTC' }
  const limited = changedProvider(before, { flip: 'window', window })
  t.equal(limited.flip, 'window')
  t.throws(() => changedProvider(limited, { window: null }), /copying hours alone where there are none/)
})

t.test('folders are mapped by doveadm alone, and stay mapped', async (t) => {
  t.throws(() => changedProvider(before, { roles: 'map', engine: 'offlineimap' }), /only doveadm maps folders/)
  const mapped = changedProvider(before, { roles: 'map' })
  t.throws(() => changedProvider(mapped, { engine: 'offlineimap' }), /only doveadm maps folders/)
  t.equal(changedProvider(mapped, { cutover: 'proxied' }).roles, 'map', 'for people who have moved at once')
  t.throws(() => changedProvider(mapped, { roles: 'keep' }), /roles stay map/)
  t.throws(() => changedProvider(mapped, { roles: null }), /roles stay map/)
})

t.test('another endpoint, or who says so, forgets how it refuses', async (t) => {
  t.equal(changedProvider(before, { maxConnections: 7 }).refusal, 'nein')
  t.equal(changedProvider(before, { host: 'elsewhere.example' }).refusal, null)
  t.equal(changedProvider(before, {}, { forgetRefusal: true }).refusal, null)
  t.equal(changedProvider(before, {}, { forgetRefusal: false }).refusal, 'nein')
})

t.test('a test counts as long as the provider is reached in the same way', async (t) => {
  t.equal(changedProvider(before, { maxConnections: 7, host: before.host }).lastTest, lastTest)
  for (const change of [
    { host: 'h' },
    { port: 1 },
    { tls: 'starttls' },
    { caFile: '/ca' },
    { fingerprint: 'ab' },
  ] as const) {
    t.equal(changedProvider(before, change).lastTest, null, JSON.stringify(change))
  }
})

t.test('the protection is taken away by whoever says so, and by nobody in passing', async (t) => {
  for (const plainText of [undefined, false]) {
    t.throws(
      () => changedProvider(before, { tls: 'none' }, { plainText }),
      new Refused('invalid', MISTAKES, IN_THE_CLEAR),
    )
  }
  t.equal(changedProvider(before, { tls: 'none' }, { plainText: true }).tls, 'none')
  const plain = newProvider('lan', { host: 'imap.lan', tls: 'none' })
  t.equal(changedProvider(plain, { tls: 'none', port: 1143 }).port, 1143, 'what is plain already stays so')
})

t.end()
