import t from 'tap'
import type { Able } from '../../src/copying/copying-hosts.ts'
import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { isRefused } from '../../src/model/refused.ts'
import { performer, type Said } from '../../src/operations/operation.ts'
import { addProvider, previewProvider, setProvider } from '../../src/operations/providers.ts'
import { providerRow } from '../../src/operations/rows.ts'
import { certificates } from '../support/certificates.ts'

const certs = await certificates()
const OWNER = { actor: 'tests', role: 'owner' } as const
const OLD: Provider = {
  ...newProvider('old', { host: 'imap.old.example' }),
  refusal: 'nein',
  fingerprint: 'ab'.repeat(32),
}

/** Providers in memory, with what was done to them. */
function world(before: Provider = OLD, able: (Able & { readonly host: string })[] = [], taken = 30) {
  const kept: Provider[] = []
  const keep = async (provider: Provider) => void kept.push(provider)
  const copyingHosts = { able: async () => able }
  // A server that turns nobody away is not counted further.
  const connectionsAtOnce = async (_: Provider, most: number) => ({
    taken,
    isRefused: taken < most,
    greeting: 'Courier',
  })
  const providers = { find: async () => before, add: keep, set: keep }
  const perform = performer({ providers, copyingHosts, connectionsAtOnce })
  return { kept, perform }
}

async function changed(said: Said, before = OLD): Promise<Provider> {
  const { kept, perform } = world(before)
  const { after } = await perform(setProvider, { name: 'old', ...said }, OWNER)
  t.same(kept, [after], 'what is told is what is kept')
  return after
}

/** What is wrong with each field. */
async function flaws(said: Said): Promise<Readonly<Record<string, string>>> {
  const error = await changed(said).catch((error: unknown) => error)
  if (!isRefused(error, 'invalid') || error.fields === null) throw error
  return error.fields
}

t.test('a change is of what is named, and of nothing else', async (t) => {
  t.same(await changed({ forget_refusal: 'false' }), OLD)
  t.same(await changed({ max_connections: '7', forward_client: 'true', exclude: ['Spam*', 'Trash'] }), {
    ...OLD,
    ...{ maxConnections: 7, forwardsClient: true, exclude: ['Spam*', 'Trash'] },
  })
  t.match((await changed({ window: '20:00-06:00 Europe/Berlin' })).window, { from: '20:00', zone: 'Europe/Berlin' })
  t.equal((await changed({ ca_file: certs.server.ca })).caFile, certs.server.ca)
  for (const nothing of [{}, { reason: 'none' }]) await t.rejects(changed(nothing), { message: 'say what to change' })
})

t.test('an empty field brings the default back', async (t) => {
  const full = await changed({
    ca_file: certs.server.ca,
    window: '20:00-06:00',
    include: ['INBOX'],
    max_connections: '3',
  })
  const empty = { ca_file: '', fingerprint: '', window: '', include: [], max_connections: '', copy_connections: '' }
  t.match(await changed(empty, full), {
    ...{ caFile: null, fingerprint: null, window: null, include: [], maxConnections: 20, copyConnections: null },
  })
  t.equal((await changed({ port: '', tls: 'starttls' }, { ...OLD, port: 1993 })).port, 143)
})

t.test(
  'a new provider’s people are proxied where a copying host can flip them, unless somebody says how',
  async (t) => {
    const able = [{ host: 'one', engine: 'doveadm', why: 'it is here', cannotFlip: null } as const]
    for (const [hosts, said, cutover, why] of [
      [able, {}, 'proxied', 'one can flip people'],
      [[], {}, 'immediate', /"postferry sync"/],
      [able, { cutover: 'immediate' }, 'immediate', null],
      [able, { engine: 'offlineimap' }, 'immediate', /OfflineIMAP/],
    ] as const) {
      const { kept, perform } = world(OLD, [...hosts])
      const added = await perform(addProvider, { name: 'isp', host: 'imap.isp.example', ...said }, OWNER)
      t.match(added, { cutover, flip: 'auto', why })
      t.equal(kept[0]?.cutover, cutover)
    }
  },
)

t.test('a preview tells what a change would do, and keeps nothing', async (t) => {
  const { kept, perform } = world()
  const { before, after } = await perform(previewProvider, { name: 'old', port: '1993' }, OWNER)
  t.match([before, after], [OLD, { port: 1993 }])
  t.same(kept, [])
})

t.test('what its row says, a new one takes', async (t) => {
  const provider = newProvider('isp', {
    host: 'mail.isp.example',
    tls: 'starttls',
    loginName: '%n',
    include: ['INBOX', '*'],
  })
  const { refusal, tested_at, test_failed, ...row } = providerRow(provider)
  const texts = Object.entries(row).map(([name, value]) => [name, Array.isArray(value) ? value : String(value ?? '')])
  const { perform, kept } = world()
  await perform(addProvider, Object.fromEntries(texts), OWNER)
  t.same(kept, [provider])
})

t.test('every field that cannot be used is named with what it must be', async (t) => {
  const wrong: [Said, RegExp][] = [
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
    [{ flip: 'sometimes' }, /auto, window, manual/],
    [{ pop3_port: '0' }, /port|number/],
    [{ sieve_port: '65536' }, /port|number/],
    [{ login_addresses: '0' }, /whole number/],
    [{ filters: 'drop' }, /carry, leave/],
    [{ forward_client: 'on' }, /true, false/],
    [{ reopens: '' }, /true, false/],
    [{ window: '20:00' }, /20:00-06:00/],
    [{ window: '20:00-20:00' }, /It is empty/],
    [{ window: '20:00-06:00 Europe/Berlln' }, /no time zone Europe\/Berlln: .*Europe\/Berlin\./],
    [{ include: ['INBOX', ''] }, /control characters/],
    [{ exclude: ['a\nb'] }, /control characters/],
  ]
  for (const [said, sentence] of wrong) {
    const told = await flaws(said)
    t.same(Object.keys(told), Object.keys(said))
    t.match(Object.values(told)[0], sentence)
  }
  const all = Object.assign({}, ...wrong.map(([said]) => said))
  t.same(Object.keys(await flaws(all)).sort(), Object.keys(all).sort(), 'all at once')
  t.match(await flaws({ tls: 'none' }), { tls: /in the clear: confirm it with plain_text/ })
})

t.test('nobody is proxied whose old server takes too few connections from one address', async (t) => {
  const able = [{ host: 'one', engine: 'doveadm', why: 'it is here', cannotFlip: null } as const]
  const { perform, kept } = world({ ...OLD, fingerprint: null }, able, 4)
  const added = await perform(addProvider, { name: 'new', host: 'imap.old.example' }, OWNER)
  t.match(added, { cutover: 'immediate', why: /takes 4 connections at once.*MAXPERIP/ })
  const told = { code: 'conflict', message: /takes 4 connections at once.*MAXPERIP/ }
  await t.rejects(perform(addProvider, { name: 'new', host: 'imap.old.example', cutover: 'proxied' }, OWNER), told)
  await t.rejects(perform(setProvider, { name: 'old', cutover: 'proxied', engine: 'doveadm' }, OWNER), told)
  t.equal(kept.length, 1)
  const many = { name: 'old', cutover: 'proxied', engine: 'doveadm', login_addresses: '8' }
  t.match(await perform(setProvider, many, OWNER), { after: { cutover: 'proxied', loginAddresses: 8 } })
})

t.end()
