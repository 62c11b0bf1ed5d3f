import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { openTunnel } from '../../src/imap/tunnel/tunnel.ts'
import { certificates } from '../support/certificates.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { PROVIDER } from '../support/provider.ts'
import { seed } from '../support/seed.ts'

const PEOPLE = { 'anna@old.example': 'Correct-Horse-9' }
const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const ME = process.getuid?.() ?? -1
const CREDENTIAL = { username: ANNA[0], password: ANNA[1] }

const { server: tls } = await certificates()
const copying = await DoveadmCopying.start({ people: PEOPLE, tls })
t.teardown(() => copying[Symbol.asyncDispose]())
const { old } = copying
await seed(old.port, ANNA, 3)
const fingerprint = old.fingerprint.replaceAll(':', '').toLowerCase()
const other = fingerprint.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))

const WAYS = [
  ['implicit TLS and a CA file', { tls: 'implicit', port: old.tlsPort, caFile: tls.ca }],
  ['STARTTLS and a CA file', { tls: 'starttls', port: old.port, caFile: tls.ca }],
  ['implicit TLS and a pinned certificate', { tls: 'implicit', port: old.tlsPort, fingerprint }],
  ['STARTTLS and a pinned certificate', { tls: 'starttls', port: old.port, fingerprint }],
] as const

t.test('the source is reached as the provider says', async (t) => {
  for (const [at, [what, provider]] of WAYS.entries()) {
    t.match(await copying.run(at + 1, ANNA, { provider }), { outcome: 'complete', messages: 6 }, what)
  }
})

t.test('another certificate gets no password', async (t) => {
  const before = await old.loginCount()
  for (const [what, provider] of WAYS) {
    const changed = 'fingerprint' in provider ? { fingerprint: other } : { caFile: null }
    t.match(await copying.run(9, ANNA, { provider: { ...provider, ...changed } }), { outcome: 'old-tls' }, what)
    await using tunnel = await openTunnel({ ...PROVIDER, ...provider, ...changed }, CREDENTIAL, ME)
    t.equal(await text(connect(tunnel.port, '127.0.0.1')), '', 'nor does the tunnel lead there')
    t.equal(tunnel.trouble(), 'old-tls')
  }
  t.equal(await old.loginCount(), before)
})

t.test('a source that is away is told', async (t) => {
  await old.stop()
  t.match(await copying.run(1, ANNA), { outcome: 'old-unreachable' })
  await using tunnel = await openTunnel({ ...PROVIDER, port: old.port }, CREDENTIAL, ME)
  await text(connect(tunnel.port, '127.0.0.1'))
  t.equal(tunnel.trouble(), 'old-unreachable')
  await old.start()
})

t.test('no other user of this host gets through the tunnel, or holds up who may', async (t) => {
  await using tunnel = await openTunnel({ ...PROVIDER, port: old.port }, CREDENTIAL, ME)
  await using closed = await openTunnel({ ...PROVIDER, port: old.port }, CREDENTIAL, ME + 1)
  const stranger = connect(closed.port, '127.0.0.1')
  t.equal(await text(stranger), '')
  t.equal(closed.trouble(), null)
  const [greeting] = await once(connect(tunnel.port, '127.0.0.1').setEncoding('utf8'), 'data')
  t.match(greeting, /^\* OK /)
})

t.test('whatever doveadm may be told to do, nothing writes at the source', async (t) => {
  for (const command of ['SELECT INBOX', 'CREATE x', 'DELETE Sent', 'STORE 1 +FLAGS (x)', 'APPEND INBOX {1}\r\nx']) {
    await using tunnel = await openTunnel({ ...PROVIDER, port: old.port }, CREDENTIAL, ME)
    const client = connect(tunnel.port, '127.0.0.1')
    client.write(`a LOGIN x ${tunnel.password}\r\nb EXAMINE INBOX\r\nc ${command}\r\n`)
    const said = await text(client)
    t.notMatch(said, /^c /m, command)
    t.equal(tunnel.trouble(), 'old-protocol')
  }
})

t.test('who comes in without its own password reads nothing, and hers opens nothing', async (t) => {
  const [, password] = ANNA
  for (const sign of ['', `a LOGIN ${ANNA[0]} ${password}\r\n`, 'a LOGIN x ""\r\n', 'a AUTHENTICATE PLAIN AAAA\r\n']) {
    await using tunnel = await openTunnel({ ...PROVIDER, port: old.port }, CREDENTIAL, ME)
    const client = connect(tunnel.port, '127.0.0.1')
    client.write(`${sign}b EXAMINE INBOX\r\n`)
    t.notMatch(await text(client), /EXISTS|^a OK|^b OK/m, sign)
  }
})

t.end()
