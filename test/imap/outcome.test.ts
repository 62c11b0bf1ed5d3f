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
  ['NO', '', 'Too many open connections (3 of 3) for login', 'old-busy'],
  ['NO', '', 'Login failed: server is busy', 'old-busy'],
  ['NO', '', 'Temporary authentication failure', 'old-unreachable'],
  ['NO', '', 'Login failed, please try again later', 'old-unreachable'],
  ['NO', '', 'Internal error during authentication', 'old-unreachable'],
  ['NO', '', 'Can’t connect to the authentication backend', 'old-unreachable'],
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
