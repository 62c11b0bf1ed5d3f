import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { probe } from '../../../src/imap/probe/probe.ts'
import type { Provider } from '../../../src/model/provider.ts'
import { newProvider } from '../../../src/model/provider-changes.ts'
import type { ProbeStep } from '../../../src/source/probe.ts'
import { type Certificate, certificates } from '../../support/certificates.ts'
import { freePort } from '../../support/loopback.ts'
import { type Script, scripted, startScriptedImap, type Tried } from '../../support/scripted-imap.ts'
import { type Source, startSource } from '../../support/source-server.ts'

const certs = await certificates()
let server: Source
t.before(async () => {
  server = await startSource({ people: {}, tls: certs.server, configuration: 'listen = 127.0.0.1, 127.0.0.2' })
})
t.after(() => server[Symbol.asyncDispose]())

function provider(changes: Partial<Provider>): Provider {
  const endpoint = { port: server.tlsPort, caFile: certs.server.ca }
  return { ...newProvider('old', { host: 'localhost' }), ...endpoint, ...changes }
}

const startTls = () => provider({ port: server.port, tls: 'starttls' })
const plain = () => provider({ port: server.port, tls: 'none' })

async function stepsTo(provider: Provider, limitMs?: number): Promise<ProbeStep[]> {
  return await Array.fromAsync(probe(provider, 'old.example', limitMs))
}

/** The step at which a probe ends, which has to be a failed one. */
async function failureOf(t: Test, provider: Provider, limitMs?: number): Promise<ProbeStep> {
  const steps = await stepsTo(provider, limitMs)
  const last = steps.at(-1) as ProbeStep
  t.ok(
    steps.slice(0, -1).every(({ ok }) => ok),
    'every step before is well',
  )
  t.notOk(last.ok, last.found)
  t.ok(last.remedy, 'it says what to change')
  return last
}

t.test('every step of each kind of connection is shown, in the order in which it is taken', async (t) => {
  const before = await server.loginCount()
  const orders = {
    implicit: ['resolve', 'connect', 'tls', 'greeting', 'capabilities', 'refusal'],
    starttls: ['resolve', 'connect', 'greeting', 'tls', 'capabilities', 'refusal'],
    none: ['resolve', 'connect', 'tls', 'greeting', 'capabilities', 'refusal'],
  }
  for (const way of [provider({}), startTls(), plain()]) {
    const steps = await stepsTo(way)
    t.same(
      steps.map(({ step }) => step),
      orders[way.tls],
    )
    t.ok(
      steps.every(({ ok, remedy }) => ok && remedy === undefined),
      JSON.stringify(steps),
    )
    const found = Object.fromEntries(steps.map(({ step, found }) => [step, found]))
    t.match(found.resolve, /127\.0\.0\.1/)
    t.match(found.connect, new RegExp(`127\\.0\\.0\\.1 port ${way.port} in \\d+ ms`))
    t.match(found.greeting, /old ready\./)
    t.match(found.capabilities, /^IMAP4rev1 .*AUTH=PLAIN/)
    t.equal(found.refusal, 'refuses as expected: "Authentication failed."')
    t.ok(
      steps.every(({ milliseconds }) => milliseconds > 0),
      'each tells how long it took',
    )
    const days = steps.filter(({ daysLeft }) => daysLeft !== undefined)
    t.match(days, way.tls === 'none' ? [] : [{ step: 'tls', daysLeft: 29 }])
    if (way.tls === 'none') t.match(found.tls, /in the clear/)
    else t.match(found.tls, `TLSv1.3, for localhost, 127.0.0.1, issued by postferry test ca, 29 days left`)
    if (way.tls !== 'none') t.match(found.tls, certs.server.fingerprint)
  }
  t.equal(await server.loginCount(), before + 6, 'two strangers were tried each time')
  t.notMatch(server.log(), /imap-login: Info: Login: /, 'nobody was signed in')
})

t.test('no stranger is tried where none was asked for', async (t) => {
  const before = await server.loginCount()
  const steps = await Array.fromAsync(probe(provider({})))
  t.equal(steps.at(-1)?.step, 'capabilities')
  t.equal(await server.loginCount(), before)
})

const REFUSALS: [string, Partial<Script>, Partial<ProbeStep>][] = [
  ['in known words', says('NO Login failed.'), { ok: true, found: 'refuses as expected: "Login failed."' }],
  [
    'in words of its own',
    says('NO Geht nicht (4711)'),
    { ok: true, found: 'learned: it refuses with "Geht nicht (4711)"' },
  ],
  [
    'with another no',
    says('NO [EXPIRED] x'),
    { ok: true, found: 'odd: of somebody who does not exist it says expired' },
  ],
  [
    'with trouble',
    says('NO Login failed: generic failure'),
    { ok: false, found: 'generic', remedy: 'reads like trouble' },
  ],
  [
    'with a code of trouble',
    says('NO [UNAVAILABLE] x'),
    { ok: false, found: 'old-unreachable: NO', remedy: 'test again' },
  ],
  ['with BAD', says('BAD Login failed.'), { ok: false, found: 'old-protocol: BAD', remedy: 'nobody can sign in' }],
  ['by saying nothing', {}, { ok: false, found: 'old-timeout: no answer', remedy: 'nobody can sign in' }],
  ['not at all', says('OK welcome'), { ok: false, found: 'it accepted a random name', remedy: 'do not let anybody' }],
]

t.test('how it refuses a stranger is told, and learned when it is new', async (t) => {
  await Promise.all(
    REFUSALS.map(([name, script, wanted]) =>
      t.test(name, async (t) => {
        const tried: string[] = []
        const signIn = (one: Tried) => {
          tried.push(one.username)
          return script.signIn?.(one)
        }
        await using fake = await startScriptedImap(scripted({ ...script, signIn }))
        const steps = await stepsTo(provider({ host: '127.0.0.1', port: fake.port, tls: 'none' }), 1_500)
        t.match(steps.at(-1), { step: 'refusal', ...wanted })
        t.equal(steps.at(-1)?.learned, name === 'in words of its own' ? 'geht nicht …' : undefined)
        t.equal(tried.length, steps.at(-1)?.ok ? 2 : 1)
        for (const name of tried) t.match(name, /^postferry-test-[0-9a-f]{12}@old\.example$/)
      }),
    ),
  )
})

t.test('a stranger has the form of name that source wants', async (t) => {
  const tried: string[] = []
  const signIn = ({ username, connection, tag }: Tried) => {
    tried.push(username)
    connection.say(`${tag} NO Login failed\r\n`)
  }
  await using fake = await startScriptedImap(scripted({ signIn }))
  await stepsTo(provider({ host: '127.0.0.1', port: fake.port, tls: 'none', loginName: '%n' }))
  for (const name of tried) t.match(name, /^postferry-test-[0-9a-f]{12}$/)
  t.equal(new Set(tried).size, 2)
})

t.test('words of a moment are not learned', async (t) => {
  const words = ['NO Das war nichts', 'NO Derzeit nicht']
  const signIn = ({ connection, tag }: Tried) => connection.say(`${tag} ${words.shift()}\r\n`)
  await using fake = await startScriptedImap(scripted({ signIn }))
  const last = await failureOf(t, provider({ host: '127.0.0.1', port: fake.port, tls: 'none' }))
  t.match(last, { step: 'refusal', found: /in two ways.*Das war nichts.*Derzeit nicht/, remedy: 'test again' })
  t.equal(last.learned, undefined)
})

t.test('an old server that makes everybody wait for one who guesses is told, with what to do', async (t) => {
  const login = 'login_trusted_networks = 127.0.0.1'
  await using old = await startSource({ people: {}, anvilPenalty: true, configuration: login })
  const endpoint = provider({ host: '127.0.0.1', port: old.port, tls: 'none' })
  const untold = (await stepsTo(endpoint, 30_000)).at(-1)
  t.match(untold, { step: 'refusal', ok: true, found: /the second after [4-9]\.\d s: .*everybody wait/ })
  t.equal(
    untold?.remedy,
    `on the old server, when it is a Dovecot: ${login}; then here: postferry provider set old --forward-client`,
  )
  const told = (await stepsTo({ ...endpoint, forwardsClient: true }, 30_000)).at(-1)
  t.match(told, { ok: true, found: 'refuses as expected: "Authentication failed."' })
  t.equal(told?.remedy, undefined)
})

t.test('so is one that lets the second one wait for longer than the test does', async (t) => {
  let tried = 0
  const signIn = ({ connection, tag }: Tried) => void (tried++ === 0 && connection.say(`${tag} NO Login failed.\r\n`))
  await using fake = await startScriptedImap(scripted({ signIn }))
  const last = await failureOf(t, provider({ host: '127.0.0.1', port: fake.port, tls: 'none' }), 1_500)
  t.match(last, { step: 'refusal', found: /old-timeout/, remedy: /login_trusted_networks = 127\.0\.0\.1/ })
})

t.test('a certificate that nobody trusted has signed can be pinned after a look', async (t) => {
  for (const way of [provider({ caFile: null }), { ...startTls(), caFile: certs.foreign.ca }]) {
    const { step, found, remedy } = await failureOf(t, way)
    t.equal(step, 'tls')
    t.match(found, /nobody who is trusted here has signed/)
    t.match(found, 'issued by postferry test ca')
    t.match(remedy, `--fingerprint ${certs.server.fingerprint}`)
    t.match(remedy, '--ca-file')
  }
})

t.test('a pinned fingerprint alone decides', async (t) => {
  const pinned = hex(certs.server)
  t.ok((await stepsTo(provider({ caFile: null, fingerprint: pinned }))).every(({ ok }) => ok))
  const other = await failureOf(t, provider({ fingerprint: hex(certs.foreign) }))
  t.match(other, { step: 'tls', found: /not the pinned one/, remedy: certs.server.fingerprint })
})

t.test('expired certificates and those of another host are told apart', async (t) => {
  const answers = [
    { tls: certs.expired, found: /out of its time: .* expired on \d{4}-\d\d-\d\d/, remedy: /renew it/ },
    { tls: certs.wrongName, found: /not for localhost: .*for elsewhere\.example/, remedy: /--host/ },
  ]
  for (const { tls, found, remedy } of answers) {
    await using other = await startSource({ people: {}, tls })
    for (const way of [provider({ port: other.tlsPort }), provider({ port: other.port, tls: 'starttls' })]) {
      t.match(await failureOf(t, way), { step: 'tls', found, remedy })
    }
  }
})

t.test('a CA file that has gone is named', async (t) => {
  const missing = await failureOf(t, provider({ caFile: '/nowhere/ca.pem' }))
  t.match(missing, { step: 'tls', found: /\/nowhere\/ca\.pem \(ENOENT\)/, remedy: /--ca-file/ })
})

t.test('the wrong kind of connection is answered with the right one', async (t) => {
  await using bare = await startSource({ people: {}, configuration: 'ssl = no' })
  const noStartTls = await failureOf(t, provider({ port: bare.port, tls: 'starttls' }))
  t.match(noStartTls, { step: 'tls', found: /does not offer STARTTLS/, remedy: /--tls implicit --port 993/ })
  const implicitToPlain = await failureOf(t, provider({ port: server.port }))
  t.match(implicitToPlain, { step: 'tls', remedy: /--tls starttls/ })
  const plainToImplicit = await failureOf(t, provider({ port: server.tlsPort, tls: 'starttls' }), 700)
  t.match(plainToImplicit, { step: 'greeting', found: /no answer within 0\.7 s/, remedy: /--tls implicit/ })
})

t.test('a server that wants TLS before any password says so', async (t) => {
  await using strict = await startSource({
    people: {},
    configuration: 'listen = 127.0.0.1, 127.0.0.2\ndisable_plaintext_auth = yes',
  })
  // Dovecot holds connections from its own address for secure; this one is to another.
  const disabled = await failureOf(t, provider({ host: '127.0.0.2', port: strict.port, tls: 'none' }))
  t.match(disabled, { step: 'capabilities', found: /LOGINDISABLED/, remedy: /--tls starttls/ })
})

t.test('a host that is not known and a port where nobody listens are told apart', async (t) => {
  t.match(await failureOf(t, provider({ host: 'nowhere.invalid' })), {
    step: 'resolve',
    found: /nowhere\.invalid/,
    remedy: /--host/,
  })
  t.match(await failureOf(t, provider({ port: await freePort() })), {
    step: 'connect',
    found: /connection refused/,
    remedy: /--port/,
  })
})

t.test('what no real server can be made to say', async (t) => {
  const endless = (socket: Socket) => {
    socket.on('drain', () => socket.write('x'.repeat(65_536))).write('x'.repeat(65_536))
  }
  const cases: [string, (socket: Socket) => unknown, Partial<ProbeStep>][] = [
    ['PREAUTH', say('* PREAUTH welcome\r\n'), { step: 'greeting', found: 'welcome', remedy: 'no password' }],
    ['BYE', say('* BYE too many connections\r\n'), { step: 'greeting', found: 'hangs up: too many connections' }],
    ['mail submission', say('220 mail.example ESMTP\r\n'), { step: 'greeting', remedy: 'no IMAP server' }],
    ['an endless line', endless, { step: 'greeting', remedy: 'no IMAP server' }],
    ['a closed connection', (socket) => socket.end(), { step: 'greeting', found: 'closed the connection' }],
    ['a reset', (socket) => socket.resetAndDestroy(), { found: 'ECONNRESET' }],
    ['silence', () => undefined, { step: 'greeting', found: 'no answer within' }],
    [
      'words slipped in before TLS',
      (socket) => socket.on('data', () => socket.write('s OK begin\r\n* BAD ignored\r\n')).write('* OK hello\r\n'),
      { step: 'tls', found: 'more than it was asked for' },
    ],
  ]
  await Promise.all(
    cases.map(([name, talk, wanted]) =>
      t.test(name, async (t) => {
        await using fake = await startScriptedImap(({ socket }) => talk(socket))
        const failure = await failureOf(t, provider({ host: '127.0.0.1', port: fake.port, tls: 'starttls' }), 1_500)
        t.match(failure, wanted)
      }),
    ),
  )
})

t.test('a server that speaks no IMAP4rev1 is no IMAP server', async (t) => {
  const talk = (socket: Socket) =>
    socket.on('data', () => socket.write('* CAPABILITY IMAP2\r\nc OK done\r\n')).write('* OK hello\r\n')
  await using fake = await startScriptedImap(({ socket }) => talk(socket))
  const failure = await failureOf(t, provider({ host: '127.0.0.1', port: fake.port, tls: 'none' }))
  t.match(failure, { step: 'capabilities', found: /OK done/, remedy: /no IMAP server/ })
})

function says(answer: string): Script {
  return { signIn: ({ connection, tag }) => connection.say(`${tag} ${answer}\r\n`) }
}

function say(text: string): (socket: Socket) => void {
  return (socket) => void socket.write(text)
}

function hex({ fingerprint }: Certificate): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}

t.end()
