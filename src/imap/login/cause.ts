import { isOrdinary, plain } from '../../model/redact.ts'
import type { Ending } from './ending.ts'
import type { Asked } from './outcome.ts'

const WORDS_LIMIT = 40

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
    .map((word) => (isOrdinary(word) && plain(word) !== plain(password) ? word : '…'))
    .join(' ')
}
