import t from 'tap'
import { answering, askEach, honest, RIGHT, SILENCE, type Wanted, WRONG } from '../support/imap-question.ts'
import { type Connection, scripted } from '../support/scripted-imap.ts'

// Response codes of a NO (RFC 5530, RFC 3501, RFC 2221), with a text that says nothing.
const CODES: [string, Wanted][] = [
  ['AUTHENTICATIONFAILED', 'no'],
  ['authenticationfailed', 'no'],
  ['AUTHORIZATIONFAILED', 'disabled'],
  ['EXPIRED', 'expired'],
  ['UNAVAILABLE', 'old-unreachable answered'],
  ['CONTACTADMIN', 'old-unreachable answered'],
  ['SERVERBUG', 'old-unreachable answered'],
  ['CORRUPTION', 'old-unreachable answered'],
  ['INUSE', 'old-busy answered'],
  ['LIMIT', 'old-busy answered'],
  ['THROTTLED', 'old-busy answered'],
  ['PRIVACYREQUIRED', 'old-tls answered'],
  ['NOPERM', 'old-protocol answered'],
  ['EXPUNGEISSUED', 'old-protocol answered'],
  ['CLIENTBUG', 'old-protocol answered'],
  ['CANNOT', 'old-protocol answered'],
  ['OVERQUOTA', 'old-protocol answered'],
  ['ALREADYEXISTS', 'old-protocol answered'],
  ['NONEXISTENT', 'old-protocol answered'],
  ['ALERT', 'old-protocol answered'],
  ['REFERRAL imap://other.example/', 'old-protocol answered'],
  ['X-OWN-CODE', 'old-protocol answered'],
]

t.test('a NO means what its response code says', async (t) => {
  const row = (code: string, wanted: Wanted) => ({
    name: code,
    talk: answering((tag) => `${tag} NO [${code}] Nein.\r\n`),
    wanted,
  })
  await askEach(
    t,
    CODES.map(([code, wanted]) => row(code, wanted)),
  )
})

const ANSWERS: [string, (tag: string) => string, Wanted][] = [
  ['BAD', (tag) => `${tag} BAD Login failed\r\n`, 'old-protocol answered'],
  [
    'BAD with the code of a wrong password',
    (tag) => `${tag} BAD [AUTHENTICATIONFAILED] x\r\n`,
    'old-protocol answered',
  ],
  ['NO without a word', (tag) => `${tag} NO\r\n`, 'old-protocol answered'],
  ['NO in small letters', (tag) => `${tag} no [AUTHENTICATIONFAILED] x\r\n`, 'no'],
  ['NO to messages', (tag) => `${tag} NO Some of the requested messages no longer exist\r\n`, 'old-protocol answered'],
  ['NO without a tag', () => 'NO Login failed.\r\n', 'old-protocol answered'],
  ['BAD without a tag', () => 'BAD Login failed.\r\n', 'old-protocol answered'],
  [
    'a request to wait',
    (tag) => `${tag} BAD Request is throttled. Suggested Backoff Time: 50 milliseconds\r\n`,
    'old-busy answered',
  ],
  ['nonsense with the tag', (tag) => `${tag} WELCOME\r\n`, 'old-protocol answered'],
  ['BYE with the tag', (tag) => `${tag} BYE Login failed.\r\n`, 'old-unreachable answered'],
  ['PREAUTH with the tag', (tag) => `${tag} PREAUTH welcome\r\n`, 'old-protocol answered'],
  ['a broken NO', (tag) => `${tag} NO [AUTHENTICATIONFAILED\r\n`, 'old-protocol answered'],
  ['BYE', () => '* BYE Server shutting down\r\n', 'old-unreachable answered'],
  ['BYE that refuses', () => '* BYE [AUTHENTICATIONFAILED] Login failed.\r\n', 'old-unreachable answered'],
  ['BYE to one too many', () => '* BYE Too many connections from here\r\n', 'old-busy answered'],
  ['NO and then BYE', (tag) => `${tag} NO [AUTHENTICATIONFAILED] x\r\n* BYE too many failures\r\n`, 'no'],
  ['BYE and then NO', (tag) => `* BYE x\r\n${tag} NO [AUTHENTICATIONFAILED] x\r\n`, 'no'],
  ['OK and then BYE', (tag) => `${tag} OK welcome\r\n* BYE too many connections\r\n`, 'old-busy answered'],
  ['OK with capabilities', (tag) => `${tag} OK [CAPABILITY IMAP4rev1 X] Logged in\r\n`, 'yes'],
  ['OK alone', (tag) => `${tag} OK\r\n`, 'yes'],
  [
    'OK after other words',
    (tag) => `* OK [ALERT] hello\r\n* CAPABILITY X\r\n* NO x\r\n* BAD x\r\n${tag} OK x\r\n`,
    'yes',
  ],
  ['NO after other words', (tag) => `* OK welcome\r\n* 3 EXISTS\r\n${tag} NO [AUTHENTICATIONFAILED] x\r\n`, 'no'],
  ['NO that ends with LF alone', (tag) => `${tag} NO [AUTHENTICATIONFAILED] x\n`, 'no'],
  ['NO after a literal', (tag) => `* X {5}\r\nabc\r\n\r\n${tag} NO [AUTHENTICATIONFAILED] x\r\n`, 'no'],
]

t.test('only the tagged answer to the sign-in is an answer', async (t) => {
  await askEach(
    t,
    ANSWERS.map(([name, answer, wanted]) => ({ name, talk: answering(answer), wanted })),
  )
})

t.test('a no counts although the server hangs up with it, a yes only while it serves', async (t) => {
  const hangingUp = (answer: string) =>
    scripted({
      signIn: ({ connection, tag }) => {
        connection.say(`${tag} ${answer}\r\n`)
        connection.end()
      },
    })
  const afterYes = (answer: (connection: Connection, tag: string) => unknown) =>
    scripted({
      command: (connection, tag, name) => (name === 'NOOP' ? answer(connection, tag) : false),
      signIn: honest,
    })
  await askEach(t, [
    { name: 'NO', talk: hangingUp('NO [AUTHENTICATIONFAILED] x'), wanted: 'no' },
    { name: 'OK', talk: hangingUp('OK welcome'), wanted: 'old-unreachable answered' },
    { name: 'a reset', talk: afterYes(({ reset }) => reset()), wanted: 'old-unreachable answered' },
    { name: 'silence', talk: afterYes(() => undefined), ...SILENCE },
    { name: 'a NO to the next command', talk: afterYes(({ say }, tag) => say(`${tag} NO x\r\n`)), wanted: 'yes' },
    { name: 'a BAD to the next command', talk: afterYes(({ say }, tag) => say(`${tag} BAD x\r\n`)), wanted: 'yes' },
  ])
})

const LEGAL: [string, string][] = [
  ['LOGIN alone', 'IMAP4rev1'],
  ['no extension', 'IMAP4'],
  ['AUTH=PLAIN', 'IMAP4rev1 AUTH=PLAIN'],
  ['AUTH=PLAIN alone', 'IMAP4rev1 LOGINDISABLED AUTH=PLAIN'],
  ['AUTH=PLAIN with an initial response', 'IMAP4rev1 SASL-IR AUTH=PLAIN'],
  ['AUTH=LOGIN alone', 'IMAP4rev1 LOGINDISABLED AUTH=LOGIN'],
  ['AUTH=LOGIN beside LOGIN', 'IMAP4rev1 AUTH=LOGIN'],
  ['mechanisms of others', 'IMAP4rev1 AUTH=GSSAPI AUTH=CRAM-MD5 AUTH=XOAUTH2'],
  ['small letters', 'imap4rev1 auth=plain sasl-ir'],
  ['IMAP4rev2', 'IMAP4rev2 IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL-'],
  ['literals without waiting', 'IMAP4rev1 LITERAL+'],
  ['what nobody knows', `IMAP4rev1 X=Y +Z ${'X-'.padEnd(2_000, 'x')} QUOTA=RES-STORAGE AUTH=`],
  ['extensions that change the session', 'IMAP4rev1 COMPRESS=DEFLATE ENABLE UTF8=ONLY CONDSTORE ID NAMESPACE'],
]

t.test('a right password is yes and a wrong one no, whatever the server is able to do', async (t) => {
  const rows = LEGAL.flatMap(([name, capability]) => {
    const greeting = `* OK [CAPABILITY ${capability}] ready\r\n`
    return [RIGHT, WRONG, `${RIGHT}\u{1F511} "\\{5}`, 'ü'.repeat(500)].flatMap((password) => {
      const wanted = password === RIGHT ? 'yes' : 'no'
      const what = { wanted, password }
      return [
        { ...what, name: `${name}: ${wanted}`, talk: scripted({ capability, signIn: honest }) },
        {
          ...what,
          name: `${name} in the greeting: ${wanted}`,
          talk: scripted({ greeting, capability, signIn: honest }),
        },
      ]
    })
  })
  await askEach(t, rows)
})

t.test('commands before the sign-in may fail', async (t) => {
  const failing = (command: string, answer: string) =>
    scripted({
      capability: 'IMAP4rev1 ID',
      command: ({ say }, tag, name) => (name === command ? say(`${tag} ${answer}\r\n`) : false),
      signIn: honest,
    })
  await askEach(t, [
    { name: 'CAPABILITY is BAD', talk: failing('CAPABILITY', 'BAD unknown'), wanted: 'yes' },
    { name: 'CAPABILITY is NO', talk: failing('CAPABILITY', 'NO [AUTHENTICATIONFAILED] x'), wanted: 'yes' },
    { name: 'ID is BAD', talk: failing('ID', 'BAD unknown'), wanted: 'yes' },
    { name: 'ID is NO', talk: failing('ID', 'NO [AUTHENTICATIONFAILED] x'), wanted: 'yes' },
  ])
})
