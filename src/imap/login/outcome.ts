import { backoffIn } from '../../model/backoff.ts'
import { isOrdinary, plain } from '../../model/redact.ts'
import type { Code } from '../../model/verdict.ts'
import type { SourceAnswer, SourceLogin } from '../../source/ports.ts'
import type { Ending } from './ending.ts'
import { isLearned } from './learned.ts'
import { type Kind, kindOfBye, kindOfText, speaksOfTrouble } from './wording.ts'

/** What the meaning of an answer depends on. */
type Login = Pick<SourceLogin, 'username' | 'password'> & {
  readonly provider: { readonly refusal: string | null }
}

/**
 * What a response code of a NO means for the person (RFC 5530, section 3; the last two RFC 2221 and Gmail's). A code
 * that is not here leaves the decision to the text.
 */
const BY_RESPONSE_CODE: Readonly<Record<string, Kind>> = {
  AUTHENTICATIONFAILED: 'no',
  AUTHORIZATIONFAILED: 'disabled',
  EXPIRED: 'expired',
  UNAVAILABLE: 'old-unreachable',
  CONTACTADMIN: 'old-unreachable',
  SERVERBUG: 'old-unreachable',
  CORRUPTION: 'old-unreachable',
  INUSE: 'old-busy',
  LIMIT: 'old-busy',
  THROTTLED: 'old-busy',
  PRIVACYREQUIRED: 'old-tls',
  CLIENTBUG: 'old-protocol',
  CANNOT: 'old-protocol',
  NOPERM: 'old-protocol',
  EXPUNGEISSUED: 'old-protocol',
  OVERQUOTA: 'old-protocol',
  ALREADYEXISTS: 'old-protocol',
  NONEXISTENT: 'old-protocol',
  REFERRAL: 'old-protocol',
  WEBALERT: 'old-protocol',
}

const BY_ERROR_CODE: readonly (readonly [RegExp, Code])[] = [
  [/^(CONNECT_TIMEOUT|GREETING_TIMEOUT|UPGRADE_TIMEOUT|ETIMEOUT|ETIMEDOUT)$/, 'old-timeout'],
  [/^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO|ERR_OSSL_|HOSTNAME_MISMATCH)/, 'old-tls'],
  [/^(STARTTLS_INJECTION|INVALID_CA|ENOENT|EACCES)$/, 'old-tls'],
  [/^ETHROTTLE$/, 'old-busy'],
  [/^(NoConnection|EConnectionClosed|ClosedAfterConnect|StateLogout|E[A-Z]+)/, 'old-unreachable'],
]

/** What came in reply to the login and is no answer. */
const ODD_ANSWER = /^(InvalidResponse|ContinuationRequest|ParserError)/

/**
 * The answer that the ending of a login amounts to. Yes and no are only what the tagged response says clearly;
 * everything else is trouble, so that a right password is never called wrong.
 */
export function outcomeOf(ending: Ending, login: Login): SourceAnswer {
  if (ending.status === 'OK') return { kind: 'yes' }
  const kind = kindOf(ending, login)
  if (kind === 'no' || kind === 'disabled' || kind === 'expired') return { kind }
  const waitMs = kind === 'old-busy' ? backoffIn(ending.text ?? '') : null
  const trouble = { kind: 'trouble', code: kind, cause: causeOf(ending, login), answered: hasAnswered(ending) } as const
  return waitMs === null ? trouble : { ...trouble, waitMs }
}

/** Where TLS fails, it fails for everybody. */
function hasAnswered({ greeted = false, tlsFailed = false, status, code = '' }: Ending): boolean {
  return (greeted && !tlsFailed) || status !== undefined || ODD_ANSWER.test(code)
}

function kindOf(ending: Ending, login: Login): Kind {
  const { status, text = '', code = '', tlsFailed } = ending
  if (tlsFailed) return 'old-tls'
  const broken = BY_ERROR_CODE.find(([pattern]) => pattern.test(code))?.[1]
  if (broken === 'old-unreachable') return kindOfBye(text) ?? broken
  // It came without a tag, or asks to wait.
  if (code !== '') return broken ?? 'old-protocol'
  return status === 'NO' ? kindOfNo(ending, login) : 'old-protocol'
}

function kindOfNo({ responseCode = '', text = '' }: Ending, login: Login): Kind {
  const kind = BY_RESPONSE_CODE[responseCode]
  // Some servers report their own trouble under the code of a wrong password.
  if (kind === 'no') return speaksOfTrouble(text) ? (kindOfText(text) ?? 'old-protocol') : kind
  // Dovecot says of a person with too many connections that the server is away, Gmail of too many bytes that a quota is full.
  if (/^(UNAVAILABLE|OVERQUOTA)$/.test(responseCode) && kindOfText(text) === 'old-busy') return 'old-busy'
  if (kind !== undefined) return kind
  return (
    kindOfText(text) ?? (responseCode === '' && isLearned(text, login.provider.refusal, login) ? 'no' : 'old-protocol')
  )
}

const WORDS_LIMIT = 40

/**
 * How a login ended, for the log. A server may repeat the password, in whatever form: of its text only ordinary words
 * are shown, whatever the password is, so that what is left out says nothing about it either.
 */
function causeOf(ending: Ending, { password }: Login): string {
  const { status, responseCode = '', text = '', code, message } = ending
  const isKnown = Object.hasOwn(BY_RESPONSE_CODE, responseCode)
  const broke = status === undefined ? [code, message] : [status, isKnown && `[${responseCode}]`]
  return [...broke, ordinary(text, password)].filter(Boolean).join(' ') || 'no answer'
}

function ordinary(text: string, password: string): string {
  return text
    .split(/[\s\p{Cc}]+/u, WORDS_LIMIT)
    .filter((word) => word !== '')
    .map((word) => (isOrdinary(word) && plain(word) !== plain(password) ? word : '…'))
    .join(' ')
}
