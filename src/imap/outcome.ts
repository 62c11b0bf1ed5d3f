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

const WHAT =
  '(?:imap4?(?:rev1)? )?(?:log[- ]?in|sign[- ]?in|logon|authenticat(?:ion|e)|auth|authorization|credentials?)'
const WHO = '(?:user ?(?:name|id)?|log[- ]?in(?: name)?|account|mailbox|e-?mail(?: address)?)'
const SECRET = '(?:password|pass ?phrase|credentials?|secret)'
const WRONG = '(?:invalid|incorrect|bad|wrong|unknown|unrecognized|no such)'
const FAILED = '(?:failed|failure|rejected|refused|denied|incorrect|invalid|unsuccessful)'

/** The whole text of a NO that refuses a password, in the wording of several servers. */
const REFUSALS: readonly RegExp[] = [
  `${WHAT}(?: command)? (?:has )?${FAILED}(?:[:,.-]* ${WHAT} ${FAILED})?`,
  `${WHAT} ${FAILED}[:,.-]* (?:${WRONG} )?(?:${WHO}|${SECRET})(?: (?:or|and|/) (?:${WHO}|${SECRET}))?(?: ${FAILED})?`,
  `${WRONG} (?:${WHO}|${SECRET}|${WHAT})(?:(?: or | and | ?/ ?)(?:${WRONG} )?(?:${WHO}|${SECRET}))?(?: \\(failure\\))?`,
  `(?:${WHO}|${SECRET})(?:(?: or | and | ?/ ?)(?:${WHO}|${SECRET}))? (?:is |are |was |were )?${FAILED}`,
  `(?:user|account|mailbox) (?:is )?(?:unknown|not found|does not exist)`,
  `access denied`,
].map((text) => new RegExp(String.raw`^\W*${text}\W*$`, 'i'))

/**
 * What the text of a NO without a telling code means: the first pattern that matches decides. What none knows is
 * trouble: a right password is never called wrong.
 */
const BY_TEXT: readonly (readonly [RegExp, Kind])[] = [
  ...REFUSALS.map((pattern) => [pattern, 'no'] as const),
  [/too many|maximum|limit|exceeded|busy|overload|throttl|\brate\b|concurrent/i, 'old-busy'],
  [
    /temporar|try again|later|unavailable|unreachable|not available|timed? ?out|maintenance|\bdown\b/i,
    'old-unreachable',
  ],
  [/password (has )?expired|account (has )?expired/i, 'expired'],
  [/^\W*(your )?(account|mailbox|user)( is| has been| was)? (disabled|suspended|deactivated)\W*$/i, 'disabled'],
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
