import type { SourceLogin } from '../../source/ports.ts'
import { kindOfText, speaksOfTrouble } from './wording.ts'

const LENGTH_LIMIT = 200

/** Whose login it was; a refusal may repeat either. */
type Person = Pick<SourceLogin, 'username' | 'password'>

/**
 * The fixed part of the text of a bare NO to a login that cannot have been right. Null when there is nothing to learn:
 * the wording is known already, speaks of trouble, or says nothing.
 */
export function refusalIn(text: string, person: Person): string | null {
  const rest = without(variableIn(person), text)
  return kindOfText(text) !== null || speaksOfTrouble(rest) ? null : fixedPartOf(rest)
}

/** Whether a text is the refusal that was learned of a provider; null: none was. */
export function isLearned(text: string, refusal: string | null, person: Person): boolean {
  if (refusal === null) return false
  // A name or password that is itself a word of the refusal must not hide it.
  return subsets(variableIn(person)).some((words) => {
    const rest = without(words, text)
    return !speaksOfTrouble(rest) && fixedPartOf(rest) === refusal
  })
}

function variableIn({ username, password }: Person): string[] {
  const words = [username, username.split('@')[0] ?? '', password].filter((word) => word !== '')
  return words.sort((a, b) => b.length - a.length)
}

function without(words: readonly string[], text: string): string {
  const lower = (word: string) => word.normalize('NFC').toLowerCase()
  return words.reduce((rest, word) => rest.split(lower(word)).join('…'), lower(text))
}

/** A text without what differs from one login to the next: numbers, session ids, values. */
function fixedPartOf(text: string): string | null {
  const part = text
    .split(/[\s\p{Cc}]+/u)
    .filter((token) => token !== '')
    .map((token) => (/[\p{N}…]/u.test(token) ? '…' : token.replace(/=.*/u, '=…')))
    .join(' ')
  return /\p{L}{2}/u.test(part) && part.length <= LENGTH_LIMIT ? part : null
}

function subsets(words: readonly string[]): string[][] {
  const [word, ...others] = words
  if (word === undefined) return [[]]
  const less = subsets(others)
  return [...less, ...less.map((set) => [word, ...set])]
}
