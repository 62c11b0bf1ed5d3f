import t from 'tap'
import { keyring } from '../../src/keys/open-credential.ts'
import type { Credential } from '../../src/keys/ports.ts'
import { reseal } from '../../src/keys/reseal.ts'
import { type Endpoint, endpointOf } from '../../src/model/endpoint.ts'
import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'

const OLD: Provider = { ...newProvider('old', { host: 'imap.old.example' }), caFile: '/etc/old-ca.pem' }
const ANNA = { address: 'anna@new.example', provider: 'old', username: 'anna', password: 'Correct-Horse-9' }

function ring(sealed: Partial<Credential> = {}) {
  const approved = new Map<string, Endpoint>()
  const trusted: string[] = []
  let opened = 0
  const { open } = keyring({
    opener: {
      async open() {
        opened++
        return { ...ANNA, ...sealed }
      },
    },
    endpoints: {
      approved: (name) => approved.get(name) ?? null,
      trust(name, endpoint) {
        if (approved.has(name)) return false
        approved.set(name, endpoint)
        return true
      },
    },
    audit: { record: async (name, { action, detail }) => void trusted.push(`${action} ${name}: ${detail}`) },
    actor: 'tests',
  })
  return {
    approved,
    trusted,
    opened: () => opened,
    open: (provider: Provider, sentTo?: Endpoint) =>
      open({ address: ANNA.address, sealed: new Uint8Array(), provider }, sentTo),
  }
}

t.test('the first use approves where a provider is, and says so; from then on it is no news', async (t) => {
  const { open, trusted, approved } = ring()
  t.same(await Promise.all([open(OLD), open(OLD)]), [{ credential: ANNA }, { credential: ANNA }], 'two at once too')
  t.same(await open({ ...OLD, maxConnections: 3, refusal: 'nein' }), { credential: ANNA })
  t.same(trusted, ['provider.trust old: imap.old.example port 993 with TLS, trusting /etc/old-ca.pem'])
  t.same(approved.get('old'), endpointOf(OLD))
})

t.test('nothing is opened for another endpoint, or for one that proves itself in another way', async (t) => {
  const changes: Partial<Provider>[] = [
    ...[{ host: 'imap.evil.example' }, { port: 1993 }, { caFile: null }, { caFile: '/tmp/own-ca.pem' }],
    ...[{ fingerprint: 'ab'.repeat(32) }, { tls: 'starttls' as const }, { tls: 'none' as const }],
    { sievePort: 4191, filters: 'carry' },
  ]
  for (const change of changes) {
    const { open, opened } = ring()
    await open(OLD)
    const answer = await open({ ...OLD, ...change })
    t.match(answer, {
      refused: 'endpoint-changed',
      why: /approved on this host is imap\.old\.example port 993 with TLS/,
    })
    t.equal(opened(), 1, JSON.stringify(change))
    t.same(await open(OLD), { credential: ANNA }, 'as before it is')
  }
})

t.test('who has approved another port for filters has approved none, and the usual one, too', async (t) => {
  const { open, approved } = ring()
  const carried = { ...OLD, filters: 'carry', sievePort: 4191 } as const
  await open(carried)
  t.match(approved.get('old'), { sieve: 4191 })
  for (const sievePort of [4191, 4190, null]) t.match(await open({ ...carried, sievePort }), { credential: ANNA })
  t.match(
    await open(carried, endpointOf({ ...carried, filters: 'leave' })),
    { credential: ANNA },
    'as OfflineIMAP asks',
  )
  const other = await open({ ...carried, sievePort: 4192 })
  t.match(other, {
    refused: 'endpoint-changed',
    why: /ManageSieve on port 4192; approved .* and its ManageSieve on port 4191$/,
  })
  const { open: openBefore } = ring()
  await openBefore(OLD)
  t.match(await openBefore({ ...carried, sievePort: 4190 }), { credential: ANNA }, 'what was approved before goes on')
  t.match(await openBefore(carried), { refused: 'endpoint-changed' })
})

t.test('of two first uses at the same moment, for two endpoints, one is first', async (t) => {
  const { open, trusted } = ring()
  const [first, second] = await Promise.all([open(OLD), open({ ...OLD, host: 'imap.evil.example' })])
  t.match([first, second], [{ credential: ANNA }, { refused: 'endpoint-changed' }])
  t.equal(trusted.length, 1)
})

t.test('whoever sends it elsewhere than the provider says gets nothing', async (t) => {
  const { open } = ring()
  await open(OLD)
  t.match(await open(OLD, { ...endpointOf(OLD), host: 'imap.evil.example' }), { refused: 'endpoint-changed' })
  const moved = { ...OLD, host: 'imap.evil.example' }
  t.same(await open(moved, endpointOf(OLD)), { credential: ANNA }, 'it goes where it was approved')
})

t.test('a credential is for the person and the provider that it was sealed for', async (t) => {
  t.match(await ring({ address: 'bert@new.example' }).open(OLD), { refused: 'credential-unopened', why: /address/ })
  const elsewhere = ring()
  const answer = await elsewhere.open({ ...OLD, name: 'new-one', host: 'imap.evil.example' })
  t.match(answer, { refused: 'credential-unopened', why: /another provider/ }, 'a new name is no way around')
  t.same(elsewhere.approved.size, 0, 'and approves nothing')
  t.match(await ring({ provider: null }).open(OLD), { credential: { username: 'anna' } }, 'sealed before that was kept')
})

t.test('where it cannot be told what is approved, nothing is opened', async (t) => {
  const fail = () => {
    throw new Error('cannot read it (EACCES)')
  }
  const opener = { open: async () => ANNA }
  const kept = { address: ANNA.address, sealed: new Uint8Array(), provider: OLD }
  const audit = { record: async () => undefined }
  for (const endpoints of [
    { approved: fail, trust: fail },
    { approved: () => null, trust: fail },
  ]) {
    const { open } = keyring({ opener, endpoints, audit, actor: 'tests' })
    t.match(await open(kept), { refused: 'endpoint-changed', why: 'cannot read it (EACCES)', credential: undefined })
  }
})

t.test('only what is opened by the same rule is sealed to a new key', async (t) => {
  const kept = { migrationId: '1', address: ANNA.address, provider: 'old', sealed: new Uint8Array([1]) }
  const sealed: string[] = []
  const deps = (credential: Credential) => ({
    opener: { open: async () => credential },
    sealer: { seal: async () => ({ bytes: new Uint8Array([2]), to: ['age1new'] }) },
    to: ['age1new'],
    sealings: {
      otherThan: async (_: unknown, after: string) => (after === '0' && sealed.length === 0 ? [kept] : []),
      async replace(renewed: readonly { before: { address: string } }[]) {
        sealed.push(...renewed.map(({ before }) => before.address))
        return renewed.length
      },
    },
  })
  for (const other of [{ provider: 'another' }, { address: 'bert@new.example' }]) {
    const result = await reseal(deps({ ...ANNA, ...other }), () => undefined)
    t.same(result, { resealed: 0, unopened: [ANNA.address], unopenedCount: 1 }, JSON.stringify(other))
  }
  t.same(await reseal(deps(ANNA), () => undefined), { resealed: 1, unopened: [], unopenedCount: 0 })
  t.same(sealed, [ANNA.address])
})

t.end()
