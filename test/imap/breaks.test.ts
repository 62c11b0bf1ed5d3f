import t from 'tap'
import {
  answering,
  ask,
  askEach,
  at,
  DEAD_SILENCE,
  honest,
  type Row,
  SHORT_MS,
  SILENCE,
  STEPS,
} from '../support/imap-question.ts'
import { type Connection, scripted, startScriptedImap } from '../support/scripted-imap.ts'
import { until } from '../support/until.ts'

type Talk = Row['talk']

/** Says a text bit by bit, for ever. */
function drip(text: string): (connection: Connection) => void {
  return (connection) => {
    let at = 0
    const timer = setInterval(() => connection.say(text[at++ % text.length] ?? ''), 20)
    connection.socket.on('close', () => clearInterval(timer))
  }
}

/** The tag of a command that comes before or after. */
function near(tag: string, distance: number): string {
  return (Number.parseInt(tag, 16) + distance).toString(16).toUpperCase()
}

t.test('silence ends by the limit, wherever it begins', async (t) => {
  const silent: [string, Talk][] = [
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
  const greeting = drip('* OK this greeting never comes to an end ')
  await askEach(t, [
    { ...DEAD_SILENCE, name: 'no greeting', talk: () => undefined },
    { ...DEAD_SILENCE, name: 'a greeting that drips', talk: greeting },
    ...silent.map(([name, talk]) => ({ ...SILENCE, name, talk })),
  ])
})

t.test('a connection that breaks is trouble, wherever it breaks', async (t) => {
  const unreachable = 'old-unreachable unanswered'
  const greeted = 'old-unreachable answered'
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
      { name: `closed at ${step}`, talk: at(step, ({ end }) => end()), wanted: greeted },
      { name: `reset at ${step}`, talk: at(step, ({ reset }) => reset()), wanted: greeted },
      { name: `BYE at ${step}`, talk: at(step, ({ say }) => say('* BYE enough\r\n')), wanted: greeted },
    ]),
    {
      name: 'closed in half an answer',
      wanted: greeted,
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
    { name: 'POP3', talk: ({ say }) => say('+OK ready\r\n'), ...DEAD_SILENCE },
    { name: 'SMTP', talk: ({ say }) => say('220 mail.example ESMTP\r\n'), ...DEAD_SILENCE },
    { name: 'SSH', talk: ({ say }) => say('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'), ...DEAD_SILENCE },
    { name: 'bytes', talk: ({ say }) => say(binary), ...DEAD_SILENCE },
    { name: 'bytes and an end', talk: closing(binary), wanted: 'old-unreachable unanswered' },
    {
      name: 'an answer as a greeting',
      talk: scripted({ greeting: '1 OK welcome\r\n2 OK welcome\r\n' }),
      ...DEAD_SILENCE,
    },
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
