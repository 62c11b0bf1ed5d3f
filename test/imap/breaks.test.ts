import t from 'tap'
import { certificates } from '../support/certificates.ts'
import { answering, ask, askEach, honest, nameOf, type Row, SHORT_MS } from '../support/imap-question.ts'
import { type Connection, scripted, startScriptedImap } from '../support/scripted-imap.ts'
import { until } from '../support/until.ts'

type Talk = Row['talk']

const certs = await certificates()
const SILENCE = { wanted: 'old-timeout unanswered', limitMs: SHORT_MS }

/** Says a text bit by bit, for ever. */
function drip(text: string): (connection: Connection) => void {
  return (connection) => {
    let at = 0
    const timer = setInterval(() => connection.say(text[at++ % text.length] ?? ''), 20)
    connection.socket.on('close', () => clearInterval(timer))
  }
}

/** Says the same as fast as it is taken. */
function flood(chunk: string, sent?: { bytes: number }): (connection: Connection) => void {
  const bytes = Buffer.from(chunk.repeat(Math.ceil(65_536 / chunk.length)))
  return ({ socket }) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(bytes)) if (sent) sent.bytes += bytes.length
    }
    socket.on('drain', pour)
    pour()
  }
}

/** Does something in place of the answer to a command. */
function at(step: string, act: (connection: Connection, tag: string) => unknown): Talk {
  const capability = 'IMAP4rev1 ID STARTTLS SASL-IR AUTH=PLAIN'
  return scripted({
    capability,
    command: (connection, tag, name) => (name === step ? void act(connection, tag) : false),
    signIn: honest,
  })
}

/** The tag of a command that comes before or after. */
function near(tag: string, distance: number): string {
  return (Number.parseInt(tag, 16) + distance).toString(16).toUpperCase()
}

const STEPS = ['CAPABILITY', 'ID', 'AUTHENTICATE']

t.test('silence ends by the limit, wherever it begins', async (t) => {
  const silent: [string, Talk][] = [
    ['no greeting', () => undefined],
    ['a greeting that drips', drip('* OK this greeting never comes to an end ')],
    ['lines that drip', (connection) => drip('* OK x\r\n')(connection)],
    ...STEPS.map((step): [string, Talk] => [`nothing after ${step}`, at(step, () => undefined)]),
    [
      'an answer that drips',
      at('AUTHENTICATE', (connection, tag) => drip(`${tag} NO [AUTHENTICATIONFAILED] `)(connection)),
    ],
    ['half an answer', answering((tag) => `${tag} OK welco`)],
    ['the tag of another', answering(() => 'A001 OK welcome\r\n')],
    ['a tag that is over', answering((tag) => `${near(tag, -1)} OK welcome\r\n`)],
    ['a tag to come', answering((tag) => `${near(tag, 1)} OK welcome\r\n`)],
    ['a longer tag', answering((tag) => `${tag}0 OK welcome\r\n`)],
    ['no tag', answering(() => '* OK LOGIN completed\r\n')],
    ['a NO without a tag of its own', answering(() => '* NO [AUTHENTICATIONFAILED] Login failed.\r\n')],
    ['a literal that never comes', answering((tag) => `${tag} NO {1000}\r\n`)],
    ['a request for more than LOGIN has', answering(() => '+ go on\r\n+ go on\r\n')],
  ]
  await askEach(
    t,
    silent.map(([name, talk]) => ({ ...SILENCE, name, talk })),
  )
})

t.test('a connection that breaks is trouble, wherever it breaks', async (t) => {
  const unreachable = 'old-unreachable unanswered'
  const rows: Row[] = [
    { name: 'closed before the greeting', talk: ({ end }) => end(), wanted: unreachable },
    { name: 'reset before the greeting', talk: ({ reset }) => reset(), wanted: unreachable },
    { name: 'BYE as a greeting', talk: ({ say }) => say('* BYE not today\r\n'), wanted: unreachable },
    {
      name: 'BYE to one too many',
      talk: ({ say }) => say('* BYE Too many connections\r\n'),
      wanted: 'old-busy unanswered',
    },
    ...STEPS.flatMap((step) => [
      { name: `closed at ${step}`, talk: at(step, ({ end }) => end()), wanted: unreachable },
      { name: `reset at ${step}`, talk: at(step, ({ reset }) => reset()), wanted: unreachable },
      { name: `BYE at ${step}`, talk: at(step, ({ say }) => say('* BYE enough\r\n')), wanted: unreachable },
    ]),
    {
      name: 'closed in half an answer',
      wanted: unreachable,
      talk: at('AUTHENTICATE', ({ say }, tag) => say(`${tag} O`).end()),
    },
  ]
  await askEach(t, rows)
})

t.test('who speaks no IMAP says nothing about a password', async (t) => {
  const binary = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7919) % 256))
  const closing =
    (what: string | Buffer): Talk =>
    ({ say }) =>
      say(what).end()
  const rows: Row[] = [
    {
      name: 'PREAUTH',
      talk: scripted({ greeting: '* PREAUTH welcome\r\n', signIn: honest }),
      wanted: 'old-protocol unanswered',
    },
    {
      name: 'HTTP',
      talk: closing('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>'),
      wanted: 'old-unreachable unanswered',
    },
    { name: 'POP3', talk: ({ say }) => say('+OK ready\r\n'), ...SILENCE },
    { name: 'SMTP', talk: ({ say }) => say('220 mail.example ESMTP\r\n'), ...SILENCE },
    { name: 'SSH', talk: ({ say }) => say('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'), ...SILENCE },
    { name: 'bytes', talk: ({ say }) => say(binary), ...SILENCE },
    { name: 'bytes and an end', talk: closing(binary), wanted: 'old-unreachable unanswered' },
    { name: 'an answer as a greeting', talk: scripted({ greeting: '1 OK welcome\r\n2 OK welcome\r\n' }), ...SILENCE },
    {
      name: 'answers before the questions',
      talk: scripted({ greeting: '* OK hello\r\n1 OK x\r\n2 OK x\r\n3 OK x\r\n' }),
      ...SILENCE,
    },
  ]
  await askEach(t, rows)
})

t.test('a password is sent once, however often it is asked for', async (t) => {
  let sent = 0
  const greedy: Talk = scripted({
    capability: 'IMAP4rev1 AUTH=PLAIN',
    signIn: async ({ connection }) => {
      sent++
      for (connection.say('+ \r\n'); (await connection.line()) !== null; connection.say('+ \r\n')) sent++
    },
  })
  await askEach(t, [{ name: 'AUTH=PLAIN', talk: greedy, wanted: 'old-protocol answered' }])
  t.equal(sent, 1)
  const early: Talk = scripted({
    capability: 'IMAP4rev1 AUTH=PLAIN SASL-IR',
    signIn: ({ connection }) => connection.say('+ \r\n'),
  })
  await askEach(t, [{ name: 'with an initial response', talk: early, wanted: 'old-protocol answered' }])
})

t.test('TLS is as the provider wants it, or nothing is asked', async (t) => {
  const secured = (certificate = certs.server, capability = 'IMAP4rev1 STARTTLS AUTH=PLAIN') =>
    scripted({ capability, certificate, signIn: honest })
  const starttls = { provider: { tls: 'starttls', caFile: certs.server.ca } } as const
  const refusing = (answer: string) => at('STARTTLS', ({ say }, tag) => say(`${tag} ${answer}\r\n`))
  const injecting = (words: string) => at('STARTTLS', ({ say }, tag) => say(`${tag} OK begin\r\n${words}`))
  const wanted = 'old-tls unanswered'
  const rows: Row[] = [
    { name: 'STARTTLS', talk: secured(), wanted: 'yes' },
    { name: 'stripped', talk: scripted({ capability: 'IMAP4rev1 AUTH=PLAIN', signIn: honest }), wanted },
    {
      name: 'stripped from the greeting',
      talk: scripted({ greeting: '* OK [CAPABILITY IMAP4rev1] x\r\n', signIn: honest }),
      wanted,
    },
    { name: 'refused with NO', talk: refusing('NO [AUTHENTICATIONFAILED] no'), wanted },
    { name: 'refused with BAD', talk: refusing('BAD no'), wanted },
    { name: 'PREAUTH', talk: scripted({ greeting: '* PREAUTH x\r\n', signIn: honest }), wanted },
    { name: 'words slipped in', talk: injecting('* OK x\r\n'), wanted },
    { name: 'a yes slipped in', talk: injecting('3 OK welcome\r\n4 OK welcome\r\n5 OK welcome\r\n'), wanted },
    { name: 'half a line slipped in', talk: injecting('3 OK wel'), wanted },
    {
      name: 'no TLS after all',
      talk: at(
        'STARTTLS',
        ({ say }, tag) =>
          say(`${tag} OK x
`) && setTimeout(say, 50, '* OK y\r\n'),
      ),
      wanted,
    },
    { name: 'nothing after all', talk: at('STARTTLS', ({ say }, tag) => say(`${tag} OK x\r\n`)), ...SILENCE },
    { name: 'closed after all', talk: at('STARTTLS', ({ say }, tag) => say(`${tag} OK x\r\n`).end()), wanted },
    { name: 'an expired certificate', talk: secured(certs.expired), wanted },
    { name: 'a foreign certificate', talk: secured(certs.foreign), wanted },
    { name: 'a certificate for another', talk: secured(certs.wrongName), wanted },
  ].map((row) => ({ ...starttls, ...row }))
  await askEach(t, rows)
  await askEach(t, [
    {
      name: 'no sign-in in the clear',
      wanted: 'old-tls unanswered',
      talk: scripted({ capability: 'IMAP4rev1 LOGINDISABLED STARTTLS', signIn: honest }),
    },
    {
      name: 'no sign-in with a password',
      wanted: 'old-protocol unanswered',
      talk: secured(certs.server, 'IMAP4rev1 STARTTLS LOGINDISABLED AUTH=GSSAPI'),
      ...starttls,
    },
    {
      name: 'implicit TLS to a server in the clear',
      wanted: 'old-tls unanswered',
      talk: scripted({ signIn: honest }),
      provider: { tls: 'implicit' },
    },
    {
      name: 'implicit TLS to silence',
      talk: ({ socket }) => socket.resume(),
      provider: { tls: 'implicit' },
      ...SILENCE,
    },
  ])
})

t.test('what OLD said before TLS is forgotten', async (t) => {
  const talk = scripted({
    capability: 'IMAP4rev1 STARTTLS LOGINDISABLED AUTH=GSSAPI',
    certificate: certs.server,
    command: (connection, tag, name) => {
      if (name !== 'CAPABILITY' || !('encrypted' in connection.socket)) return false
      connection.say(`* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tag} OK done\r\n`)
    },
    signIn: honest,
  })
  await askEach(t, [
    { name: 'capabilities', talk, wanted: 'yes', provider: { tls: 'starttls', caFile: certs.server.ca } },
  ])
})

t.test('whatever a server pours out, little of it is taken', async (t) => {
  const sent = { bytes: 0 }
  const floods: [string, Talk][] = [
    ['a line of gigabytes', flood('x', sent)],
    ['a greeting of gigabytes', (connection) => flood('hello ', sent)(connection.say('* OK '))],
    ['untagged words', (connection) => flood('* OK still here\r\n', sent)(connection.say('* OK hello\r\n'))],
    ['empty lines', flood('\r\n', sent)],
    ['a literal of gigabytes', (connection) => flood('x', sent)(connection.say('* OK {4294967296}\r\n'))],
    ['a literal of many digits', ({ say }) => say(`* OK {${'9'.repeat(60_000)}}\r\n`)],
    ['many literals', (connection) => flood(`{60000}\r\n${'y'.repeat(60_000)}`, sent)(connection.say('* OK '))],
    ['deep lists', flood('(', sent)],
    ['many words', (connection) => flood('a ', sent)(connection.say('* OK '))],
    ...STEPS.map((step): [string, Talk] => [`words at ${step}`, at(step, flood('* OK still here\r\n', sent))]),
    ['continuation requests', at('AUTHENTICATE', flood('+ \r\n', sent))],
    ['foreign tags', at('AUTHENTICATE', flood('X1 OK welcome\r\n', sent))],
  ]
  const before = process.memoryUsage().rss
  for (const [name, talk] of floods) {
    await using server = await startScriptedImap(talk)
    const answer = nameOf(await ask({ port: server.port }))
    t.match(answer, /^old-protocol (un)?answered$/, name)
    await until(() => server.open === 0, 'the connection is closed')
  }
  const grown = process.memoryUsage().rss - before
  // The system takes some megabytes for each connection; a server that was listened to would have sent gigabytes.
  t.ok(sent.bytes < floods.length * 32 * 2 ** 20, `${sent.bytes} bytes left the servers`)
  t.ok(grown < 200 * 2 ** 20, `the process grew by ${grown} bytes`)
})

t.test('no server guesses the tag of a question that it has not heard', async (t) => {
  const tags = new Set<string>()
  const talk = scripted({ command: (_, tag) => void tags.add(tag) })
  for (let i = 0; i < 3; i++) await askEach(t, [{ name: `${i}`, talk, ...SILENCE }])
  t.equal(tags.size, 3)
})

t.test('no timer outlives its question', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const talks: Talk[] = [
    answering((tag) => `${tag} OK x\r\n`),
    answering((tag) => `${tag} NO [AUTHENTICATIONFAILED] x\r\n`),
    ({ reset }) => reset(),
    at('STARTTLS', ({ say }, tag) => say(`${tag} OK x\r\n`)),
  ]
  for (const talk of talks) {
    await using server = await startScriptedImap(talk)
    await ask({ port: server.port })
    await ask({ port: server.port, tls: 'starttls' }, undefined, SHORT_MS)
    await ask({ port: server.port, tls: 'implicit' }, undefined, SHORT_MS)
  }
  await until(() => timers() <= before, 'no timer is left')
})
