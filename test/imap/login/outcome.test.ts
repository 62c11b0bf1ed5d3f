import fc from 'fast-check'
import t from 'tap'
import type { Ending } from '../../../src/imap/login/ending.ts'
import { isLearned, refusalIn } from '../../../src/imap/login/learned.ts'
import { outcomeOf } from '../../../src/imap/login/outcome.ts'

const ASKED = { username: 'anna@old.example', password: 'secret', provider: { refusal: null } }

// What servers say with a NO without a telling code: [server, text, what it amounts to].
const TEXTS: [string, string, string][] = [
  ['Courier', 'Login failed.', 'no'],
  ['Courier', 'Temporary problem, please try again later', 'old-unreachable'],
  ['Courier', 'Error in IMAP command received by server.', 'old-protocol'],
  ['Cyrus', 'authentication failure', 'no'],
  ['Cyrus', 'Login failed: authentication failure', 'no'],
  ['Cyrus', 'Login failed: user not found', 'no'],
  ['Cyrus', 'Login failed: generic failure', 'old-protocol'],
  ['Cyrus', 'Login failed: authorization failure', 'old-protocol'],
  ['Cyrus', 'Login failed: no mechanism available', 'old-protocol'],
  ['Cyrus', 'Login only available under a layer', 'old-protocol'],
  ['Dovecot', 'Authentication failed.', 'no'],
  ['Dovecot', 'Temporary authentication failure.', 'old-unreachable'],
  ['Dovecot', 'Internal login failure. Refer to server log for more information.', 'old-protocol'],
  ['Dovecot', 'Plaintext authentication disallowed on non-secure (SSL/TLS) connections.', 'old-protocol'],
  ['Dovecot', 'Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)', 'old-busy'],
  ['Exchange', 'LOGIN failed.', 'no'],
  ['Exchange', 'AUTHENTICATE failed.', 'no'],
  ['Exchange', 'Server Unavailable. 15', 'old-unreachable'],
  ['Exchange', 'Logon failure: LogonDenied-BasicAuthBlocked', 'old-protocol'],
  ['Gmail', 'Invalid credentials (Failure)', 'no'],
  ['Gmail', 'Please log in via your web browser: https://support.example/78754 (Failure)', 'old-protocol'],
  ['Gmail', 'Application-specific password required: https://support.example/185833 (Failure)', 'old-protocol'],
  ['Gmail', 'Too many simultaneous connections. (Failure)', 'old-busy'],
  ['Gmail', 'Account exceeded command or bandwidth limits. (Failure)', 'old-busy'],
  ['Gmail', 'Your account is not enabled for IMAP use. (Failure)', 'old-protocol'],
  ['Zimbra', 'LOGIN failed', 'no'],
  ['Zimbra', 'AUTHENTICATE failed', 'no'],
  ['Zimbra', 'cleartext logins disabled', 'old-protocol'],
  ['Zimbra', 'LOGIN failed: account in maintenance mode', 'old-unreachable'],
  ['hMailServer', 'Invalid user name or password.', 'no'],
  ['hMailServer', 'Invalid user name or password. Please use full email address as user name.', 'old-protocol'],
  ['Kerio', 'LOGIN authentication failed', 'no'],
  ['Kerio', 'Access to the service is denied for this user', 'old-protocol'],
  ['MDaemon', 'LOGIN failed', 'no'],
  ['MDaemon', 'Login incorrect', 'no'],
  ['MDaemon', 'Account is locked due to too many failed logins', 'old-busy'],
  ['Yahoo', 'LOGIN Invalid credentials', 'no'],
  ['Yahoo', 'LOGIN Server error - Please try again later', 'old-unreachable'],
  ['Yahoo', 'LOGIN Rate limit hit.', 'old-busy'],
  ['iCloud', 'Authentication Failed', 'no'],
  ['others', 'Incorrect password', 'no'],
  ['others', 'LOGIN failed. Bad username or password.', 'no'],
  ['others', 'Invalid login or password', 'no'],
  ['others', 'Username or password is incorrect.', 'no'],
  ['others', 'invalid user name / password', 'no'],
  ['others', 'Invalid credentials, please try again', 'no'],
  ['others', 'LOGIN Error: invalid password', 'old-protocol'],
  ['others', 'Authentication service is down', 'old-unreachable'],
  ['others', 'Authentication server unreachable', 'old-unreachable'],
  ['others', 'Authentication is required', 'old-protocol'],
  ['others', 'Access denied', 'old-protocol'],
  ['others', 'Unable to authenticate: no response from LDAP', 'old-protocol'],
  ['others', 'Login aborted', 'old-protocol'],
  ['others', 'Login process crashed', 'old-protocol'],
  ['others', 'LOGIN failed: connection refused', 'old-protocol'],
  ['others', 'Login not allowed from your network', 'old-protocol'],
  ['others', 'Invalid response from authentication daemon', 'old-protocol'],
  ['others', 'Session expired', 'old-protocol'],
  ['others', 'Your password has expired', 'expired'],
  ['others', 'Account is disabled.', 'disabled'],
  ['others', 'Account locked for 15 minutes, too many failures', 'old-busy'],
  ['others', 'Too many open connections (3 of 3) for login', 'old-busy'],
  ['others', 'Login failed: server is busy', 'old-busy'],
  ['others', 'Login failed, please try again later', 'old-unreachable'],
  ['others', 'Internal error during authentication', 'old-unreachable'],
  ['others', 'Can’t connect to the authentication backend', 'old-protocol'],
  ['others', 'Authentication mechanism not supported', 'old-protocol'],
  ['others', '', 'old-protocol'],
  ['others', 'Nein.', 'old-protocol'],
]

// Texts under the code of a wrong password that say that the password was not the reason.
const CODED: [string, string][] = [
  ['Authentication failed.', 'no'],
  ['Neplatné heslo', 'no'],
  ['', 'no'],
  ['LOGIN invalid credentials or IMAP is off', 'no'],
  ['Server error - Please try again later', 'old-unreachable'],
  ['Too many failures, come back tomorrow', 'old-busy'],
  ['Application password is REQUIRED', 'old-protocol'],
  ['Your account is locked', 'old-protocol'],
  ['Can not reach the user database', 'old-protocol'],
]

// Texts under the code of a server that is away: Dovecot 2.3 says it of a person's connections, too.
const AWAY: [string, string][] = [
  ['Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)', 'old-busy'],
  ['Temporary authentication failure.', 'old-unreachable'],
  ['Authentication failed.', 'old-unreachable'],
  ['', 'old-unreachable'],
]

const ERRORS: [Ending, string][] = [
  [{ code: 'ECONNREFUSED' }, 'old-unreachable'],
  [{ code: 'ECONNRESET' }, 'old-unreachable'],
  [{ code: 'ENOTFOUND' }, 'old-unreachable'],
  [{ code: 'NoConnection' }, 'old-unreachable'],
  [{ code: 'CONNECT_TIMEOUT' }, 'old-timeout'],
  [{ code: 'GREETING_TIMEOUT' }, 'old-timeout'],
  [{ code: 'ETIMEDOUT' }, 'old-timeout'],
  [{ code: 'CERT_HAS_EXPIRED' }, 'old-tls'],
  [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'old-tls'],
  [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'old-tls'],
  [{ tlsFailed: true }, 'old-tls'],
  [{ code: 'ETHROTTLE', status: 'BAD' }, 'old-busy'],
  [{ code: 'MissingTag', status: 'NO', text: 'Login failed.' }, 'old-protocol'],
  [{ code: 'ParserError3' }, 'old-protocol'],
  [{ code: 'Flood' }, 'old-protocol'],
  [{}, 'old-protocol'],
]

t.test('a source that greeted has answered, but for TLS that could not be had: that fails for everybody', async (t) => {
  const code = 'ETIMEDOUT'
  t.match(outcomeOf({ code, greeted: true }, ASKED), { kind: 'trouble', code: 'old-timeout', answered: true })
  t.match(outcomeOf({ code }, ASKED), { kind: 'trouble', code: 'old-timeout', answered: false })
  const untrusted = { greeted: true, tlsFailed: true, message: 'not the certificate' }
  t.match(outcomeOf(untrusted, ASKED), { kind: 'trouble', code: 'old-tls', answered: false })
})

t.test('how long a busy source wants to be left alone is told with its answer', async (t) => {
  const text = 'Request is throttled. Suggested Backoff Time: 92415 milliseconds'
  t.match(outcomeOf({ code: 'ETHROTTLE', status: 'BAD', text }, ASKED), { code: 'old-busy', waitMs: 92_415 })
  t.match(outcomeOf({ status: 'NO', responseCode: 'THROTTLED', text }, ASKED), { code: 'old-busy', waitMs: 92_415 })
  const limit = { status: 'NO', responseCode: 'OVERQUOTA', text: 'Account exceeded command or bandwidth limits.' }
  t.match(outcomeOf(limit, ASKED), { code: 'old-busy', waitMs: undefined })
})

t.test('the text of a NO is a refusal, or trouble; a doubtful one is trouble', async (t) => {
  for (const [server, text, expected] of TEXTS) t.equal(name({ status: 'NO', text }), expected, `${server}: ${text}`)
  for (const [, text] of TEXTS) t.equal(name({ status: 'BAD', text }), 'old-protocol', `BAD: ${text}`)
})

t.test('the code of a wrong password is trouble where the text speaks of trouble', async (t) => {
  for (const [text, expected] of CODED) {
    t.equal(name({ status: 'NO', responseCode: 'AUTHENTICATIONFAILED', text }), expected, text)
  }
})

t.test('the code of a server that is away is too many connections where the text says so', async (t) => {
  for (const [text, expected] of AWAY)
    t.equal(name({ status: 'NO', responseCode: 'UNAVAILABLE', text }), expected, text)
})

t.test('what breaks on the way to the source is trouble with a code', async (t) => {
  for (const [ending, expected] of ERRORS) t.equal(name(ending), expected, JSON.stringify(ending))
})

t.test('a refusal in words of its own is recognised once it is learned', async (t) => {
  const refusals: [string, string][] = [
    ['Das Kennwort für <x1@old.example> stimmt nicht', 'Das Kennwort für <anna@old.example> stimmt nicht'],
    ['NEPLATNÉ heslo (id 4711-ab3, 12:00:01)', 'Neplatné  heslo (id 9-ff, 9:59:59)'],
    ['Kein Zutritt sc=XyZab', 'Kein Zutritt sc=QqQ'],
    ['x1 ist hier fremd', 'anna ist hier fremd'],
    ['Falsches Geheimnis: guess', 'Falsches Geheimnis: secret'],
  ]
  for (const [text, later] of refusals) {
    const refusal = refusalIn(text, { username: 'x1@old.example', password: 'guess' })
    t.type(refusal, 'string', text)
    const provider = { refusal }
    t.equal(name({ status: 'NO', text: later }), 'old-protocol', 'before')
    t.equal(name({ status: 'NO', text: later }, { ...ASKED, provider }), 'no', later)
    t.equal(
      name({ status: 'NO', text: `${later} wirklich` }, { ...ASKED, provider }),
      'old-protocol',
      'nothing else is',
    )
    t.equal(name({ status: 'NO', text: later, responseCode: 'ALERT' }, { ...ASKED, provider }), 'old-protocol')
  }
})

t.test('a name or password that is a word of the learned refusal does not hide it', async (t) => {
  const provider = { refusal: refusalIn('Kennwort falsch', { username: 'x1@y', password: 'guess' }) }
  t.ok(isLearned('Kennwort falsch', provider.refusal, { username: 'kennwort@y', password: 'falsch' }))
})

t.test('nothing is learned from trouble, from what is known, or from nothing', async (t) => {
  const known = TEXTS.filter(([, text]) => text !== 'Nein.' && text !== 'LOGIN Error: invalid password')
  for (const [, text] of known) t.equal(refusalIn(text, { username: 'x1@y', password: 'guess' }), null, text)
  for (const text of ['', '...', '4711', 'x1@y', 'guess']) {
    t.equal(refusalIn(text, { username: 'x1@y', password: 'guess' }), null, text)
  }
})

t.test('a cause tells the trouble and never the password', async (t) => {
  t.equal(cause({ status: 'NO', text: 'Too many connections' }), 'NO Too many connections')
  t.equal(cause({ status: 'NO', responseCode: 'UNAVAILABLE', text: 'x' }), 'NO [UNAVAILABLE] …')
  t.equal(cause({ status: 'NO', responseCode: 'SECRET', text: 'nope' }), 'NO …')
  t.equal(cause({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }), 'ECONNREFUSED connect ECONNREFUSED')
  t.equal(cause({}), 'no answer')
  const repeated = fc.tuple(fc.string({ minLength: 4, unit: 'grapheme' }), fc.constantFrom(...FORMS), fc.lorem())
  fc.assert(
    fc.property(repeated, ([password, form, deps]) => {
      const text = `${deps} "${form(password)}" ${deps} (${form(password)})`
      const said = cause({ status: 'NO', text }, password).toLowerCase()
      return form(password).trim() === '' || !said.includes(form(password).toLowerCase())
    }),
    { numRuns: 2_000 },
  )
})

const FORMS: ((password: string) => string)[] = [
  (password) => password,
  (password) => Buffer.from(password).toString('base64'),
  (password) => Buffer.from(`\0anna\0${password}`).toString('base64'),
  (password) => Buffer.from(password).toString('hex'),
  (password) => password.toUpperCase(),
]

function name(ending: Ending, asked: Parameters<typeof outcomeOf>[1] = ASKED): string {
  const answer = outcomeOf(ending, asked)
  return answer.kind === 'trouble' ? answer.code : answer.kind
}

function cause(ending: Ending, password = 'secret'): string {
  const answer = outcomeOf(ending, { ...ASKED, password })
  return answer.kind === 'trouble' ? String(answer.cause) : ''
}
