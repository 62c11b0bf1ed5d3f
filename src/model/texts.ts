import { Refused } from './refused.ts'

// Readers of short texts that people type.

const USERNAME_LENGTH = 255
const PASSWORD_BYTES = 1024

export function isShortLine(text: string, length: number): boolean {
  return text !== '' && text.length <= length && text.isWellFormed() && !/\p{Cc}/u.test(text)
}

/** @throws Refused */
export function wholeNumber(text: string, most: number, least = 1): number {
  const number = /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : -1
  if (number >= least && number <= most) return number
  throw new Refused('invalid', `It must be a whole number from ${least} to ${most}.`)
}

/** One of a few words. @throws Refused */
export function oneOf<W extends string>(words: readonly W[]): (text: string) => W {
  return (text) => {
    const word = words.find((word) => word === text)
    if (word === undefined) throw new Refused('invalid', `It must be one of ${words.join(', ')}.`)
    return word
  }
}

/** Whether the source can be asked with a user name of its own. */
export function isUsername(text: string): boolean {
  return isShortLine(text, USERNAME_LENGTH)
}

/**
 * Whether a text can be a password at all: UTF-8 up to 1,024 bytes, without NUL, CR and LF, not empty.
 * A password is never trimmed or normalised.
 */
export function isPassword(text: string): boolean {
  return text !== '' && text.isWellFormed() && !/[\0\r\n]/.test(text) && Buffer.byteLength(text) <= PASSWORD_BYTES
}
