import t, { type Test } from 'tap'
import { newProvider } from '../../src/model/provider-changes.ts'
import type { MxStep } from '../../src/routing/mx-probe.ts'
import { probeMx } from '../../src/smtp/probe.ts'
import { certificates } from '../support/certificates.ts'
import { type MxScript, ScriptedMx } from '../support/scripted-mx.ts'

type Tls = 'verified' | 'encrypted' | 'none'

/** What a probe of an MX with such a script finds, by step. */
async function found(
  t: Test,
  script: MxScript,
  { tls = 'none' as Tls, isRenamed = false, limitMs = 30_000, caFile = '' } = {},
) {
  const mx = await ScriptedMx.start(script)
  t.teardown(() => mx[Symbol.asyncDispose]())
  const { server } = await certificates()
  const change = { host: 'imap.old.example', mx: 'localhost', mxPort: mx.port, mxTls: tls, caFile: caFile || server.ca }
  const question = {
    ...{ provider: newProvider('old', change), host: '127.0.0.1', isRenamed },
    ...{ sender: 'postmaster@old.example', stranger: 'nobody-1@old.example' },
  }
  const steps = await Array.fromAsync(probeMx(question, limitMs))
  t.same(mx.messages, [], 'no message is sent')
  t.notOk(mx.said.some(({ line }) => line === 'DATA'))
  return {
    steps,
    last: steps.at(-1) as MxStep,
    step: (name: MxStep['step']) => steps.find(({ step }) => step === name),
    mx,
  }
}

const REFUSES: MxScript = { recipient: () => '550 5.1.1 no such user' }

t.test('an MX that can be used is told step by step, with what to set', async (t) => {
  const { server: tls } = await certificates()
  const { steps, step, mx } = await found(
    t,
    { ...REFUSES, tls, extensions: ['SIZE 20480000', 'DSN'] },
    { tls: 'verified' },
  )
  t.same(
    steps.map(({ step, ok }) => [step, ok]),
    ['connect', 'greeting', 'capabilities', 'tls', 'sender', 'stranger'].map((name) => [name, true]),
  )
  t.match(step('capabilities'), {
    found: /20480000 bytes, STARTTLS, DSN/,
    remedy: /message_size_limit = 20480000 or less/,
  })
  t.match(step('tls'), { found: /^TLSv1\.\d, for localhost/, daysLeft: 29 })
  t.match(step('stranger')?.found, /refuses whom it does not know: 550 5\.1\.1 no such user/)
  const commands = mx.said.map(({ line, isSecure }) => `${isSecure ? 'TLS ' : ''}${line.split(/[: ]/)[0]}`)
  t.same(commands, ['EHLO', 'STARTTLS', 'TLS EHLO', 'TLS MAIL', 'TLS RCPT', 'TLS QUIT'])
})

t.test('the certificate counts as it does for Dovecot', async (t) => {
  const { server, expired, wrongName, foreign } = await certificates()
  for (const tls of [expired, wrongName, foreign]) {
    const { last } = await found(t, { ...REFUSES, tls }, { tls: 'verified' })
    t.match(last, { step: 'tls', ok: false, found: /does not prove/, remedy: /ssl_client_ca_file.*--mx-tls encrypted/ })
    const { step, last: end } = await found(t, { ...REFUSES, tls }, { tls: 'encrypted' })
    t.match(step('tls'), { ok: true, found: /and need not/ })
    t.match(end, { step: 'stranger', ok: true })
  }
  for (const mode of ['verified', 'encrypted'] as const) {
    t.match((await found(t, REFUSES, { tls: mode })).last, { step: 'tls', ok: false, remedy: /--mx-tls none/ })
  }
  const unread = (await found(t, { ...REFUSES, tls: server }, { tls: 'verified', caFile: '/nowhere/ca.pem' })).last
  t.match(unread, { step: 'tls', ok: false, found: /cannot read the CA file \/nowhere\/ca\.pem \(ENOENT\)/ })
  const { step, mx } = await found(t, { ...REFUSES, tls: server }, { tls: 'none' })
  t.match(step('tls'), { ok: true, found: /in the clear/, remedy: /--mx-tls verified/ })
  t.notOk(mx.said.some(({ isSecure }) => isSecure))
})

t.test('what keeps mail from being handed over is named, with what to do', async (t) => {
  const trusted = /mynetworks/
  t.match((await found(t, { mail: () => '550 5.7.1 SPF fail' })).last, {
    ...{ step: 'sender', ok: false, found: /550 5\.7\.1 SPF fail/, remedy: trusted },
  })
  t.match((await found(t, { recipient: () => '450 4.2.0 greylisted' })).last, {
    ...{ step: 'stranger', ok: false, found: /greylisted/, remedy: /greylisting/ },
  })
  t.match((await found(t, { recipient: () => '500 what?' })).last, { step: 'stranger', ok: false })
  t.match((await found(t, {})).last, { step: 'stranger', ok: true, found: /catch-all/, remedy: /unknown recipients/ })
  t.match((await found(t, REFUSES, { isRenamed: true })).last, {
    ...{ step: 'capabilities', ok: false, found: /ORCPT/, remedy: /DSN/ },
  })
  t.match((await found(t, { ...REFUSES, extensions: ['DSN'] }, { isRenamed: true })).last, { ok: true })
})

t.test('one that is away, silent or no SMTP server is no usable one', async (t) => {
  t.match((await found(t, { greeting: '554 go away' })).last, { step: 'greeting', ok: false, remedy: /mynetworks/ })
  t.match((await found(t, { greeting: '* OK IMAP4rev1 ready' })).last, {
    step: 'greeting',
    ok: false,
    remedy: /no SMTP/,
  })
  t.match((await found(t, { greeting: '220 mine\r\n250 and more' })).last, { step: 'greeting', ok: false })
  const silent = (await found(t, { greeting: null }, { limitMs: 5_000 })).last
  t.match(silent, { step: 'greeting', ok: false, found: /no answer within/ })
  const mx = await ScriptedMx.start()
  await mx.close()
  const provider = newProvider('old', { host: 'h', mx: 'localhost', mxPort: mx.port, mxTls: 'none' })
  const question = { provider, host: '127.0.0.1', sender: 'a@b.example', stranger: 'c@b.example', isRenamed: false }
  const steps = await Array.fromAsync(probeMx(question))
  t.match(steps, [{ step: 'connect', ok: false, found: /ECONNREFUSED/, remedy: /--mx-port/ }])
})
