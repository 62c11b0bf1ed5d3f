import type { Ending } from './ending.ts'
import type { Asked } from './outcome.ts'

const WORDS_LIMIT = 40

/** What servers say of troubles. A word that is not here is not shown: it may be a name, a secret or a part of one. */
const WORDS = new Set(
  `a about access account active again allowed an and another any are as at attempts auth authenticate authenticated
  authentication authorization back backend backoff because been before blocked browser busy but by can cannot clear
  client closed closing command concurrent connect connected connection connections contact could credentials currently
  daemon database denied desk directory disabled disconnected down email enabled encryption error exceeded expired
  failed failure fatal first for from generic has have help host imap in inactivity incorrect information internal into
  invalid is it later ldap limit locked log logged login logins logout lookup mail mailbox maintenance many maximum may
  mechanism message more must network no not now number of off ok on only open or out overload password per permitted
  plaintext please policy postmaster problem process protocol quota rate refused request required response retry
  seconds secure see server service session shutting simultaneous ssl starttls suspended system temporarily temporary
  that the there this throttled time timed timeout tls to too try unable unavailable unexpected unknown unreachable
  unsupported use user username via wait was web with wrong you your`.split(/\s+/),
)

/**
 * How a question ended, for a log. A server may repeat the password, in whatever form: of its text only ordinary words
 * are shown, whatever the password is, so that what is left out says nothing about it either.
 * @param known the response codes that may be shown
 */
export function causeOf(ending: Ending, { password }: Pick<Asked, 'password'>, known: readonly string[]): string {
  const { status, responseCode = '', text = '', code, message } = ending
  const broke = status === undefined ? [code, message] : [status, known.includes(responseCode) && `[${responseCode}]`]
  return [...broke, ordinary(text, password)].filter(Boolean).join(' ') || 'no answer'
}

function ordinary(text: string, password: string): string {
  return text
    .split(/[\s\p{Cc}]+/u, WORDS_LIMIT)
    .filter((word) => word !== '')
    .map((word) => (WORDS.has(plain(word)) && plain(word) !== plain(password) ? word : '…'))
    .join(' ')
}

function plain(word: string): string {
  return word.toLowerCase().replace(/^[("'[]+|[)"'\].,:;!]+$/g, '')
}
