import type { Code } from '../model/verdict.ts'
import type { OldAnswer } from '../policy/ports.ts'

/** What went wrong with a question to OLD, as imapflow, Node's sockets and OpenSSL tell it. */
export interface Failure {
  /** Status of the tagged answer to the sign-in, if there was one: NO or BAD. */
  readonly responseStatus?: string
  /** Response code of that answer (RFC 5530), upper case. */
  readonly serverResponseCode?: string
  /** Text of that answer. */
  readonly responseText?: string
  /** Error code of imapflow, Node or OpenSSL. */
  readonly code?: string
  /** TLS was wanted, and could not be had. */
  readonly tlsFailed?: boolean
}

type Kind = Exclude<OldAnswer['kind'], 'trouble' | 'yes'> | Code

/** What a response code of a NO means for the person (RFC 5530, section 3). */
const BY_RESPONSE_CODE: Readonly<Record<string, Kind>> = {
  AUTHENTICATIONFAILED: 'no',
  AUTHORIZATIONFAILED: 'disabled',
  EXPIRED: 'expired',
  UNAVAILABLE: 'old-unreachable',
  CONTACTADMIN: 'old-unreachable',
  SERVERBUG: 'old-unreachable',
  INUSE: 'old-busy',
  LIMIT: 'old-busy',
  PRIVACYREQUIRED: 'old-tls',
  CLIENTBUG: 'old-protocol',
  CANNOT: 'old-protocol',
}

/**
 * What the text of a NO without a telling code means: the first pattern that matches decides. Troubles come first,
 * because they often mention the sign-in that they spoil. A text that none knows is trouble too: a right password is
 * never called wrong.
 */
const BY_TEXT: readonly (readonly [RegExp, Kind])[] = [
  [/too many|maximum|limit|exceeded|busy|overload|throttl|\brate\b|concurrent/i, 'old-busy'],
  [/temporar|try (again|later)|later|unavailable|not available|timed? ?out|maintenance|moment/i, 'old-unreachable'],
  [/internal|server (error|fail)|backend|database|system error|i\/o|can.?t (connect|open)|cannot/i, 'old-unreachable'],
  [/disabled on|plaintext|privacy|ssl|tls|encrypt|starttls|not supported|unsupported|mechanism/i, 'old-protocol'],
  [/password (has )?expired|expired/i, 'expired'],
  [/(account|user|mailbox).*(disabled|locked|suspended|blocked)/i, 'disabled'],
  [/authenticat|log ?in|password|credential|invalid|incorrect|denied|bad user|unknown user|no such user/i, 'no'],
]

const BY_ERROR_CODE: readonly (readonly [RegExp, Code])[] = [
  [/^(CONNECT_TIMEOUT|GREETING_TIMEOUT|UPGRADE_TIMEOUT|ETIMEOUT|ETIMEDOUT)$/, 'old-timeout'],
  [/^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO|ERR_OSSL_|HOSTNAME_MISMATCH)/, 'old-tls'],
  [/^(STARTTLS_INJECTION|INVALID_CA|ENOENT|EACCES)$/, 'old-tls'],
  [/^ETHROTTLE$/, 'old-busy'],
  [/^(NoConnection|EConnectionClosed|ClosedAfterConnect|StateLogout|E[A-Z]+)/, 'old-unreachable'],
]

/** The answer that a failed question amounts to. */
export function outcomeOf(failure: Failure, cause: unknown): OldAnswer {
  const kind = kindOf(failure)
  if (kind === 'no' || kind === 'disabled' || kind === 'expired') return { kind }
  return { kind: 'trouble', code: kind, cause }
}

function kindOf({ responseStatus, serverResponseCode = '', responseText = '', code = '', tlsFailed }: Failure): Kind {
  if (responseStatus === 'NO')
    return BY_RESPONSE_CODE[serverResponseCode] ?? match(BY_TEXT, responseText) ?? 'old-protocol'
  if (responseStatus === 'BAD') return 'old-protocol'
  if (tlsFailed) return 'old-tls'
  return match(BY_ERROR_CODE, code) ?? 'old-protocol'
}

function match<T>(table: readonly (readonly [RegExp, T])[], text: string): T | undefined {
  return table.find(([pattern]) => pattern.test(text))?.[1]
}
