import type { Code } from '../../model/verdict.ts'
import type { SourceAnswer, SourceQuestion } from '../../source/ports.ts'
import { causeOf } from './cause.ts'
import type { Ending } from './ending.ts'
import { isLearned } from './learned.ts'
import { kindOfBye, kindOfText, speaksOfTrouble } from './wording.ts'

/** What an answer of the source amounts to: one of two sorts of no, or trouble with a code. */
export type Kind = Exclude<SourceAnswer['kind'], 'trouble' | 'yes'> | Code

/** What of a question the answer to it depends on. */
export type Asked = Pick<SourceQuestion, 'username' | 'password'> & {
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

/** What came in reply to the sign-in, and was no answer. */
const ODD_ANSWER = /^(InvalidResponse|ContinuationRequest|ParserError)/

/**
 * The answer that the ending of a question amounts to. Yes and no are only what the tagged answer to the sign-in says
 * clearly; everything else is trouble, so that a right password is never called wrong.
 */
export function outcomeOf(ending: Ending, asked: Asked): SourceAnswer {
  if (ending.status === 'OK') return { kind: 'yes' }
  const kind = kindOf(ending, asked)
  if (kind === 'no' || kind === 'disabled' || kind === 'expired') return { kind }
  const cause = causeOf(ending, asked, Object.keys(BY_RESPONSE_CODE))
  return {
    kind: 'trouble',
    code: kind,
    cause,
    answered: hasAnswered(ending),
  }
}

/** Where TLS fails, it fails for everybody. */
function hasAnswered({ greeted = false, tlsFailed = false, status, code = '' }: Ending): boolean {
  return (greeted && !tlsFailed) || status !== undefined || ODD_ANSWER.test(code)
}

function kindOf(ending: Ending, asked: Asked): Kind {
  const { status, text = '', code = '', tlsFailed } = ending
  if (tlsFailed) return 'old-tls'
  const broken = BY_ERROR_CODE.find(([pattern]) => pattern.test(code))?.[1]
  if (broken === 'old-unreachable') return kindOfBye(text) ?? broken
  // An answer with an error is no clean one: it came without a tag, or asks to wait.
  if (code !== '') return broken ?? 'old-protocol'
  return status === 'NO' ? kindOfNo(ending, asked) : 'old-protocol'
}

function kindOfNo({ responseCode = '', text = '' }: Ending, asked: Asked): Kind {
  const kind = BY_RESPONSE_CODE[responseCode]
  // Some servers say that they are broken under the code of a wrong password.
  if (kind === 'no') return speaksOfTrouble(text) ? (kindOfText(text) ?? 'old-protocol') : kind
  if (kind !== undefined) return kind
  return kindOfText(text) ?? (responseCode === '' && isLearned(text, asked) ? 'no' : 'old-protocol')
}
