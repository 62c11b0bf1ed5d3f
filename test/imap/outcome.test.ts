import t from 'tap'
import { type Failure, outcomeOf } from '../../src/imap/outcome.ts'

// [status of the answer, its response code, its text, what it amounts to]
const ANSWERS: [string, string, string, string][] = [
  ['NO', 'AUTHENTICATIONFAILED', 'Authentication failed.', 'no'],
  ['NO', 'AUTHENTICATIONFAILED', 'Too many failures, this one is a refusal all the same', 'no'],
  ['NO', 'AUTHORIZATIONFAILED', 'May not', 'disabled'],
  ['NO', 'EXPIRED', 'Your password has expired', 'expired'],
  ['NO', 'UNAVAILABLE', 'Temporary authentication failure.', 'old-unreachable'],
  ['NO', 'INUSE', 'Locked', 'old-busy'],
  ['NO', 'LIMIT', 'Too many', 'old-busy'],
  ['NO', 'CONTACTADMIN', 'Call us', 'old-unreachable'],
  ['NO', 'SERVERBUG', 'Oops', 'old-unreachable'],
  ['NO', 'PRIVACYREQUIRED', 'TLS first', 'old-tls'],
  ['NO', 'ALERT', 'Invalid credentials (Failure)', 'no'],
  ['NO', '', 'Login failed.', 'no'],
  ['NO', '', 'authentication failure', 'no'],
  ['NO', '', 'LOGIN failed', 'no'],
  ['NO', '', 'Invalid user name or password', 'no'],
  ['NO', '', 'Incorrect password', 'no'],
  ['NO', '', 'Authentication failed.', 'no'],
  ['NO', '', 'AUTHENTICATE failed', 'no'],
  ['NO', '', 'Login failed: authentication failure', 'no'],
  ['NO', '', 'LOGIN failed. Bad username or password.', 'no'],
  ['NO', '', 'Login incorrect', 'no'],
  ['NO', '', 'Invalid login or password', 'no'],
  ['NO', '', 'Username or password is incorrect.', 'no'],
  ['NO', '', 'invalid user name / password', 'no'],
  ['NO', '', 'Authentication service is down', 'old-unreachable'],
  ['NO', '', 'Authentication server unreachable', 'old-unreachable'],
  ['NO', '', 'Unable to authenticate: no response from LDAP', 'old-protocol'],
  ['NO', '', 'Login aborted', 'old-protocol'],
  ['NO', '', 'Login process crashed', 'old-protocol'],
  ['NO', '', 'LOGIN failed: connection refused', 'old-protocol'],
  ['NO', '', 'Login not allowed from your network', 'old-protocol'],
  ['NO', 'ALERT', 'Please log in via your web browser: https://support.example', 'old-protocol'],
  ['NO', '', 'Invalid response from authentication daemon', 'old-protocol'],
  ['NO', '', 'Session expired', 'old-protocol'],
  ['NO', '', 'Your password has expired', 'expired'],
  ['NO', '', 'Account is disabled.', 'disabled'],
  ['NO', '', 'Account locked for 15 minutes, too many failures', 'old-busy'],
  ['NO', '', 'Too many open connections (3 of 3) for login', 'old-busy'],
  ['NO', '', 'Login failed: server is busy', 'old-busy'],
  ['NO', '', 'Temporary authentication failure', 'old-unreachable'],
  ['NO', '', 'Login failed, please try again later', 'old-unreachable'],
  ['NO', '', 'Internal error during authentication', 'old-protocol'],
  ['NO', '', 'Can’t connect to the authentication backend', 'old-protocol'],
  ['NO', '', 'Authentication mechanism not supported', 'old-protocol'],
  ['NO', '', '', 'old-protocol'],
  ['NO', '', 'Nein.', 'old-protocol'],
  ['BAD', '', 'Login failed', 'old-protocol'],
]

const ERRORS: [Failure, string][] = [
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
  [{ code: 'ParserError3' }, 'old-protocol'],
  [{}, 'old-protocol'],
]

t.test('OLD’s answer to a sign-in is yes, no, or trouble; a doubtful one is trouble', async (t) => {
  for (const [responseStatus, serverResponseCode, responseText, expected] of ANSWERS) {
    t.equal(
      name({ responseStatus, serverResponseCode, responseText }),
      expected,
      `[${serverResponseCode}] ${responseText}`,
    )
  }
})

t.test('what breaks on the way to OLD is trouble with a code', async (t) => {
  for (const [failure, expected] of ERRORS) t.equal(name(failure), expected, JSON.stringify(failure))
})

function name(failure: Failure): string {
  const answer = outcomeOf(failure, 'cause')
  return answer.kind === 'trouble' ? answer.code : answer.kind
}
