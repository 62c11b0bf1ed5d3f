import t from 'tap'
import { formOf } from '../../src/http/panel/providers/fields.ts'
import { type Provider, usualProvider } from '../../src/model/provider.ts'
import {
  changedProvider,
  newProvider,
  type ProviderForm,
  readProviderForm,
} from '../../src/operations/provider-fields.ts'
import { providerRow } from '../../src/operations/rows.ts'
import { certificates } from '../support/certificates.ts'

const certs = await certificates()
const before: Provider = { ...usualProvider('old', 'imap.old.example'), refusal: 'nein', fingerprint: 'ab'.repeat(32) }

function changed(form: ProviderForm): Provider {
  const { fields, errors } = readProviderForm(form)
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
  return changedProvider(before, fields)
}

t.test('a form changes what it names, and nothing else', async (t) => {
  t.same(changed({}), before)
  t.same(changed({ max_connections: '7', forward_client: 'true', exclude: ['Spam*', 'Trash'] }), {
    ...before,
    ...{ maxConnections: 7, forwardsClient: true, exclude: ['Spam*', 'Trash'] },
  })
  t.match(changed({ window: '20:00-06:00 Europe/Berlin' }).window, { from: '20:00', zone: 'Europe/Berlin' })
  t.equal(changed({ ca_file: certs.server.ca }).caFile, certs.server.ca)
})

t.test('an empty field takes a value away', async (t) => {
  const full = changed({ ca_file: certs.server.ca, window: '20:00-06:00', include: ['INBOX'] })
  const { fields } = readProviderForm({ ca_file: '', fingerprint: '', window: '', include: [] })
  t.match(changedProvider(full, fields ?? {}), { caFile: null, fingerprint: null, window: null, include: [] })
})

t.test('copying gets no more connections than are not kept for sign-ins', async (t) => {
  t.equal(changed({ max_connections: '4', copy_connections: '3' }).copyConnections, 3)
  t.throws(
    () => changed({ max_connections: '4', copy_connections: '4' }),
    /of 4 connections copying may have 3 at most/,
  )
  const three = { ...before, copyConnections: 3 }
  t.throws(() => changedProvider(three, { maxConnections: 3 }), /of 3 connections copying may have 2 at most/)
  t.equal(changedProvider(three, { maxConnections: 3, copyConnections: false }).copyConnections, null)
})

t.test('another place, or a tick, forgets how it refuses', async (t) => {
  t.equal(changed({ max_connections: '7' }).refusal, 'nein')
  t.equal(changed({ host: 'elsewhere.example' }).refusal, null)
  t.equal(changed({ forget_refusal: 'true' }).refusal, null)
  t.equal(changed({ forget_refusal: 'false' }).refusal, 'nein')
})

t.test('the protection is taken away by whoever says so, and by nobody in passing', async (t) => {
  t.throws(() => changed({ tls: 'none' }), { message: /in the clear/ })
  t.throws(() => changed({ tls: 'none', plain_text: 'false' }), { message: /plain_text/ })
  t.equal(changed({ tls: 'none', plain_text: 'true' }).tls, 'none')
  const plain = newProvider('lan', 'imap.lan', { tls: 'none' })
  t.equal(changedProvider(plain, { tls: 'none', port: 1143 }).port, 1143, 'what is plain already stays so')
})

t.test('what its row says, a form takes back', async (t) => {
  const provider = newProvider('isp', 'mail.isp.example', { tls: 'starttls', loginName: '%n', include: ['INBOX', '*'] })
  const { name, refusal, include, exclude, tested_at, test_failed, ...single } = providerRow(provider)
  const texts = Object.entries(single).map(([field, value]) => [field, value === null ? '' : String(value)])
  const { fields } = readProviderForm({ ...Object.fromEntries(texts), include, exclude })
  t.same(changedProvider(usualProvider('isp', 'h'), fields ?? {}), provider)
})

t.test('every field that cannot be used is named with what it must be', async (t) => {
  const wrong: [ProviderForm, RegExp][] = [
    [{ host: 'imaps://h' }, /DNS name or an IP address/],
    [{ port: '0' }, /whole number from 1 to 65535/],
    [{ tls: 'ssl' }, /one of implicit, starttls, none/],
    [{ ca_file: 'ca.pem' }, /absolute path/],
    [{ ca_file: '/nowhere/ca.pem' }, /cannot be read/],
    [{ ca_file: certs.server.key }, /no PEM certificate/],
    [{ fingerprint: 'aa' }, /64 hex digits/],
    [{ max_connections: '1e3' }, /whole number/],
    [{ copy_connections: '0' }, /whole number/],
    [{ login_name: '%d' }, /%u, %n/],
    [{ cutover: 'never' }, /immediate, proxied/],
    [{ cutover: 'proxied' }, /cannot be proxied yet/],
    [{ forward_client: 'on' }, /true, false/],
    [{ reopens: '' }, /true, false/],
    [{ window: '20:00' }, /20:00-06:00/],
    [{ window: '20:00-20:00' }, /It is empty/],
    [{ window: '20:00-06:00 Europe/Berlln' }, /no time zone Europe\/Berlln: .*Europe\/Berlin\./],
    [{ include: ['INBOX', ''] }, /control characters/],
    [{ exclude: ['a\nb'] }, /control characters/],
  ]
  for (const [form, sentence] of wrong) {
    const { errors } = readProviderForm(form)
    t.same(Object.keys(errors ?? {}), Object.keys(form))
    t.match(Object.values(errors ?? {})[0], sentence)
  }
  const { errors } = readProviderForm(
    formOf({ host: 'h', tls: 'none', login_name: '%u', max_connections: '1', cutover: 'proxied' }),
  )
  t.match(errors, { cutover: /cannot be proxied yet/ }, 'nor from the panel')
  const all = Object.assign({}, ...wrong.map(([form]) => form))
  t.same(Object.keys(readProviderForm(all).errors ?? {}).sort(), Object.keys(all).sort(), 'all at once')
})

t.end()
