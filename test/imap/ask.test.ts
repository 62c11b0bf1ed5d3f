import t from 'tap'
import { old } from '../../src/imap/ask.ts'
import type { Provider } from '../../src/model/provider.ts'
import { certificates } from '../support/certificates.ts'
import { freePort } from '../support/loopback.ts'
import { type Old, startOld } from '../support/old.ts'

const PASSWORDS = {
  'anna@old.example': 'correct horse',
  'bert@old.example': ' ünïcödé пароль 密码 🔑 ',
  'carl@old.example': `"quoted" \\back {3}\\ %s%%n * ( ) ] '; import os # =\\x`,
  'dora@old.example': '{5}',
}

const certs = await certificates()
let server: Old
t.before(async () => {
  server = await startOld({ people: PASSWORDS, tls: certs.server })
})
t.after(() => server[Symbol.asyncDispose]())

function provider(changes: Partial<Provider> = {}): Provider {
  return {
    name: 'old',
    host: 'localhost',
    port: server.tlsPort,
    tls: 'implicit',
    caFile: certs.server.ca,
    fingerprint: null,
    maxConnections: 20,
    loginName: '%u',
    cutover: 'immediate',
    include: [],
    exclude: [],
    ...changes,
  }
}

const plain = () => provider({ port: server.port, tls: 'none', caFile: null })
const startTls = () => provider({ port: server.port, tls: 'starttls' })

t.test('a right password is yes and a wrong one is no, over each kind of connection', async (t) => {
  const ways = Object.entries({ implicit: provider(), starttls: startTls(), plain: plain() })
  const people = Object.entries(PASSWORDS)
  const asked = ways.flatMap(([kind, way]) => people.map(([user, password]) => ({ kind, way, user, password })))
  await Promise.all(
    asked.map(async ({ kind, way, user, password }) => {
      t.same(await old.ask(way, user, password), { kind: 'yes' }, `${kind}: ${user}`)
      t.same(await old.ask(way, user, `${password}x`), { kind: 'no' }, `${kind}: ${user} with another password`)
      t.same(await old.ask(way, `not-${user}`, password), { kind: 'no' }, `${kind}: nobody`)
    }),
  )
})

t.test('a password is not trimmed', async (t) => {
  t.same(await old.ask(provider(), 'bert@old.example', PASSWORDS['bert@old.example'].trim()), { kind: 'no' })
})

t.test('a certificate that the CA file does not know is trouble, never a question', async (t) => {
  const before = await server.loginCount()
  for (const way of [provider(), startTls()]) {
    for (const wrong of [{ caFile: certs.foreign.ca }, { caFile: null }, { caFile: '/nowhere/ca.pem' }]) {
      const answer = await old.ask({ ...way, ...wrong }, 'anna@old.example', 'correct horse')
      t.match(answer, { kind: 'trouble', code: 'old-tls' }, `${way.tls} ${wrong.caFile}`)
    }
  }
  t.equal(await server.loginCount(), before, 'OLD saw no password')
})

t.test('a pinned fingerprint alone decides', async (t) => {
  const before = await server.loginCount()
  for (const way of [provider({ caFile: null }), { ...startTls(), caFile: null }]) {
    const pinned = { ...way, fingerprint: hex(certs.server.fingerprint) }
    t.same(await old.ask(pinned, 'anna@old.example', 'correct horse'), { kind: 'yes' }, way.tls)
    const wrong = { ...way, fingerprint: hex(certs.foreign.fingerprint) }
    t.match(await old.ask(wrong, 'anna@old.example', 'correct horse'), { kind: 'trouble', code: 'old-tls' }, way.tls)
  }
  t.equal(await server.loginCount(), before + 2, 'OLD saw no password over a connection with another certificate')
})

t.test('expired and wrong-name certificates are trouble', async (t) => {
  for (const certificate of [certs.expired, certs.wrongName]) {
    await using other = await startOld({ people: PASSWORDS, tls: certificate })
    const way = provider({ port: other.tlsPort, caFile: certificate.ca })
    t.match(await old.ask(way, 'anna@old.example', 'correct horse'), { kind: 'trouble', code: 'old-tls' })
  }
})

t.test('STARTTLS that OLD does not offer is trouble, never plain text', async (t) => {
  await using bare = await startOld({ people: PASSWORDS, configuration: 'ssl = no' })
  const answer = await old.ask({ ...startTls(), port: bare.port }, 'anna@old.example', 'correct horse')
  t.match(answer, { kind: 'trouble', code: 'old-tls' })
  t.equal(await bare.loginCount(), 0)
})

t.test('OLD that is away is trouble', async (t) => {
  const way = provider({ port: await freePort() })
  t.match(await old.ask(way, 'anna@old.example', 'x'), { kind: 'trouble', code: 'old-unreachable' })
  const nowhere = provider({ host: 'nowhere.invalid' })
  t.match(await old.ask(nowhere, 'anna@old.example', 'x'), { kind: 'trouble', code: 'old-unreachable' })
})

t.test('OLD that is out of order in its own words is trouble', async (t) => {
  await using broken = await startOld({
    people: PASSWORDS,
    tls: certs.server,
    configuration: 'passdb {\n  driver = checkpassword\n  args = /nowhere/checkpassword\n}',
  })
  const answer = await old.ask(provider({ port: broken.tlsPort }), 'nobody@old.example', 'x')
  t.match(answer, { kind: 'trouble', code: 'old-unreachable' })
})

function hex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
