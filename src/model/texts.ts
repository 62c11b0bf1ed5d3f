import { Refused } from './refused.ts'

// Readers of short texts that people type.

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
