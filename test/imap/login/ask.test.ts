import { getEventListeners } from 'node:events'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { imapSource } from '../../../src/imap/login/ask.ts'
import type { Provider } from '../../../src/model/provider.ts'
import { newProvider } from '../../../src/model/provider-changes.ts'
import type { SourceAnswer } from '../../../src/source/ports.ts'
import { certificates } from '../../support/certificates.ts'
import { freePort } from '../../support/loopback.ts'
import { scripted, startScriptedImap } from '../../support/scripted-imap.ts'
import { type Source, startSource } from '../../support/source-server.ts'
import { until } from '../../support/until.ts'

const PASSWORDS = {
  'anna@old.example': 'correct horse',
  'bert@old.example': ' ünïcödé пароль 密码 🔑 ',
  'carl@old.example': `"quoted" \\back {3}\\ %s%%n * ( ) ] '; import os # =\\x`,
  'dora@old.example': '{5}',
}

const certs = await certificates()
let server: Source
t.before(async () => {
  server = await startSource({ people: PASSWORDS, tls: certs.server })
})
t.after(() => server[Symbol.asyncDispose]())

function provider(changes: Partial<Provider> = {}): Provider {
  const endpoint = { port: server.tlsPort, caFile: certs.server.ca }
  return { ...newProvider('old', { host: 'localhost' }), ...endpoint, ...changes }
}

function ask(provider: Provider, username: string, password: string): Promise<SourceAnswer> {
  const signal = new AbortController().signal
  return imapSource(15_000).ask({ provider, username, password, clientAddress: null, signal })
}

const plain = () => provider({ port: server.port, tls: 'none', caFile: null })
const startTls = () => provider({ port: server.port, tls: 'starttls' })

t.test('a right password is yes and a wrong one is no, over each kind of connection', async (t) => {
  const ways = Object.entries({ implicit: provider(), starttls: startTls(), plain: plain() })
  const people = Object.entries(PASSWORDS)
  const asked = ways.flatMap(([kind, way]) => people.map(([user, password]) => ({ kind, way, user, password })))
  await Promise.all(
    asked.map(async ({ kind, way, user, password }) => {
      t.same(await ask(way, user, password), { kind: 'yes' }, `${kind}: ${user}`)
      t.same(await ask(way, user, `${password}x`), { kind: 'no' }, `${kind}: ${user} with another password`)
      t.same(await ask(way, `not-${user}`, password), { kind: 'no' }, `${kind}: nobody`)
    }),
  )
})

t.test('a password is not trimmed', async (t) => {
  t.same(await ask(provider(), 'bert@old.example', PASSWORDS['bert@old.example'].trim()), { kind: 'no' })
})

t.test('a certificate that the CA file does not know is trouble, never a question', async (t) => {
  const before = await server.loginCount()
  for (const way of [provider(), startTls()]) {
    for (const wrong of [{ caFile: certs.foreign.ca }, { caFile: null }, { caFile: '/nowhere/ca.pem' }]) {
      const answer = await ask({ ...way, ...wrong }, 'anna@old.example', 'correct horse')
      t.match(answer, { kind: 'trouble', code: 'old-tls' }, `${way.tls} ${wrong.caFile}`)
    }
  }
  t.equal(await server.loginCount(), before, 'the source saw no password')
})

t.test('a CA file that has changed is read again', async (t) => {
  const caFile = join(t.testdir(), 'ca.pem')
  const askNow = () => ask(provider({ caFile }), 'anna@old.example', 'correct horse')
  copyFileSync(certs.foreign.ca, caFile)
  t.match(await askNow(), { kind: 'trouble', code: 'old-tls' })
  rmSync(caFile)
  copyFileSync(certs.server.ca, caFile)
  t.same(await askNow(), { kind: 'yes' })
  rmSync(caFile)
  t.match(await askNow(), { kind: 'trouble', code: 'old-tls' })
})

t.test('a pinned fingerprint alone decides', async (t) => {
  const before = await server.loginCount()
  for (const way of [provider({ caFile: null }), { ...startTls(), caFile: null }]) {
    const pinned = { ...way, fingerprint: hex(certs.server.fingerprint) }
    t.same(await ask(pinned, 'anna@old.example', 'correct horse'), { kind: 'yes' }, way.tls)
    const wrong = { ...way, fingerprint: hex(certs.foreign.fingerprint) }
    t.match(await ask(wrong, 'anna@old.example', 'correct horse'), { kind: 'trouble', code: 'old-tls' }, way.tls)
  }
  t.equal(
    await server.loginCount(),
    before + 2,
    'the source saw no password over a connection with another certificate',
  )
})

t.test('expired and wrong-name certificates are trouble', async (t) => {
  for (const certificate of [certs.expired, certs.wrongName]) {
    await using other = await startSource({ people: PASSWORDS, tls: certificate })
    const way = provider({ port: other.tlsPort, caFile: certificate.ca })
    t.match(await ask(way, 'anna@old.example', 'correct horse'), { kind: 'trouble', code: 'old-tls' })
  }
})

t.test('STARTTLS that source does not offer is trouble, never plain text', async (t) => {
  await using bare = await startSource({ people: PASSWORDS, configuration: 'ssl = no' })
  const answer = await ask({ ...startTls(), port: bare.port }, 'anna@old.example', 'correct horse')
  t.match(answer, { kind: 'trouble', code: 'old-tls' })
  t.equal(await bare.loginCount(), 0)
})

t.test('the source that is away is trouble', async (t) => {
  const way = provider({ port: await freePort() })
  t.match(await ask(way, 'anna@old.example', 'x'), { kind: 'trouble', code: 'old-unreachable' })
  const nowhere = provider({ host: 'nowhere.invalid' })
  t.match(await ask(nowhere, 'anna@old.example', 'x'), { kind: 'trouble', code: 'old-unreachable' })
})

t.test('the source that is out of order in its own words is trouble', async (t) => {
  await using broken = await startSource({
    people: PASSWORDS,
    tls: certs.server,
    configuration: 'passdb {\n  driver = checkpassword\n  args = /nowhere/checkpassword\n}',
  })
  const answer = await ask(provider({ port: broken.tlsPort }), 'nobody@old.example', 'x')
  t.match(answer, { kind: 'trouble', code: 'old-unreachable' })
})

t.test('the source sees a whole session: the sign-in is logged out of', async (t) => {
  await using own = await startSource({ people: PASSWORDS, tls: certs.server })
  t.same(await ask(provider({ port: own.tlsPort }), 'anna@old.example', 'correct horse'), { kind: 'yes' })
  t.ok(await until(() => own.log().includes('Logged out'), 'the session is over'))
})

t.test('the client’s address reaches a source that trusts us, where the provider says so', async (t) => {
  await using trusting = await startSource({
    people: PASSWORDS,
    tls: certs.server,
    configuration: 'login_trusted_networks = 127.0.0.0/8',
  })
  const questions = [
    { forwardsClient: true, clientAddress: '192.0.2.17', tls: 'implicit', seen: 'rip=192.0.2.17' },
    { forwardsClient: true, clientAddress: '2001:db8::17', tls: 'starttls', seen: 'rip=2001:db8::17' },
    { forwardsClient: true, clientAddress: null, tls: 'implicit', seen: 'rip=127.0.0.1' },
    { forwardsClient: false, clientAddress: '192.0.2.99', tls: 'implicit', seen: 'rip=127.0.0.1' },
  ] as const
  for (const { forwardsClient, clientAddress, tls, seen } of questions) {
    const before = trusting.log().length
    const port = tls === 'implicit' ? trusting.tlsPort : trusting.port
    const way = provider({ port, tls, forwardsClient })
    const signal = new AbortController().signal
    const question = { provider: way, username: 'anna@old.example', password: 'correct horse', clientAddress, signal }
    t.same(await imapSource(15_000).ask(question), { kind: 'yes' })
    const login = await until(
      () => /imap-login: Info: Login: .*/.exec(trusting.log().slice(before))?.[0],
      'the sign-in is logged',
    )
    t.match(login, `${seen},`)
  }
  t.notMatch(trusting.log(), '192.0.2.99')
})

t.test(
  'the answer does not wait for the source to close the connection, and who asks is told when it has',
  async (t) => {
    for (const [answer, kind] of [
      ['OK done', 'yes'],
      ['NO [AUTHENTICATIONFAILED] no', 'no'],
    ] as const) {
      const { promise: closing, resolve: close } = Promise.withResolvers<void>()
      const talk = scripted({
        signIn: ({ connection, tag }) => connection.say(`${tag} ${answer}\r\n`),
        command: (_, __, name) => name === 'LOGOUT' && closing.then(() => false),
      })
      await using server = await startScriptedImap(talk)
      let gone: Promise<void> | undefined
      const onLeaving = (promise: Promise<void>) => {
        gone = promise
      }
      const way = provider({ host: '127.0.0.1', port: server.port, tls: 'none', caFile: null })
      const { signal } = new AbortController()
      const question = { provider: way, username: 'anna', password: 'x', clientAddress: null, signal, onLeaving }
      t.same(await imapSource(15_000).ask(question), { kind })
      t.equal(server.open, 1, 'it is still there')
      close()
      await gone
      await until(() => server.open === 0, 'it is closed')
    }
  },
)

t.test('a question that nobody waits for any more is given up at once', async (t) => {
  await using mute = await startScriptedImap(() => undefined)
  const way = provider({ host: '127.0.0.1', port: mute.port, tls: 'none' })
  const stop = new AbortController()
  const question = { provider: way, username: 'anna', password: 'x', clientAddress: null, signal: stop.signal }
  const answer = imapSource(600_000).ask(question)
  await until(() => mute.open === 1, 'it is asked')
  stop.abort()
  t.match(await answer, { kind: 'trouble', code: 'old-timeout', answered: false })
  await until(() => mute.open === 0, 'the connection is closed')
  t.match(await imapSource(600_000).ask(question), { kind: 'trouble', code: 'old-timeout', answered: false })
  t.equal(mute.taken, 1, 'one that is given up before is not asked')
  t.same(getEventListeners(stop.signal, 'abort'), [], 'nothing waits for the signal any more')
})

function hex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}

t.end()
