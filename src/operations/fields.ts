import { type Address, parseAddress, parseDomain } from '../model/address.ts'
import { parseAdministratorName } from '../model/administrator.ts'
import { parseSize } from '../model/quota.ts'
import { Refused } from '../model/refused.ts'
import { isPassword, isShortLine, isUsername } from '../model/texts.ts'

// Readers of what people type in any interface: what cannot be used is Refused as invalid.

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const SEARCH_LENGTH = 1_000
const REASON_LENGTH = 500
const TIME = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?$/

export function providerName(text: string): string {
  if (NAME.test(text)) return text
  throw new Refused('invalid', 'It must be letters, digits, ".", "_" and "-", at most 64, a letter or digit first.')
}

export function domain(text: string): string {
  const parsed = parseDomain(text)
  if (parsed === null) throw new Refused('invalid', 'It must be a mail domain.')
  return parsed
}

export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Refused('invalid', 'It must be a mail address.')
  return parsed
}

export function administratorName(text: string): string {
  const parsed = parseAdministratorName(text)
  if (parsed === null) throw new Refused('invalid', 'It must be letters, digits, ".", "_", "-" and "@", at most 64.')
  return parsed
}

/** A stable word that says why something failed. */
export function code(text: string): string {
  if (/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text)) return text
  throw new Refused('invalid', 'It must be lower-case words with hyphens: credential-refused.')
}

/** A part of a name, which no blanks around it belong to. */
export function search(text: string): string {
  const trimmed = text.trim()
  if (isShortLine(trimmed, SEARCH_LENGTH)) return trimmed.normalize('NFC')
  throw new Refused('invalid', `It must be 1 to ${SEARCH_LENGTH} characters without control characters.`)
}

/** What the source knows a person by. */
export function username(text: string): string {
  if (isUsername(text)) return text
  throw new Refused('invalid', 'It must be 1 to 255 characters on one line.')
}

/** What somebody signs in with; never trimmed. */
export function password(text: string): string {
  if (isPassword(text)) return text
  throw new Refused('invalid', 'It must be one line of UTF-8, 1 to 1024 bytes, without NUL.')
}

/** How many bytes of mail somebody may have on the destination; null: as many as there is room for. */
export function quota(text: string): number | null {
  if (text.toLowerCase() === 'none') return null
  const bytes = parseSize(text)
  if (bytes !== null) return bytes
  throw new Refused('invalid', 'It must be a size, as 500M, 2G or a number of bytes, or "none".')
}

/** Why somebody changes something. */
export function reason(text: string): string {
  if (isShortLine(text, REASON_LENGTH)) return text
  throw new Refused('invalid', `It must be 1 to ${REASON_LENGTH} characters on one line.`)
}

export function time(text: string): Date {
  const parsed = new Date(TIME.test(text) ? text : Number.NaN)
  if (!Number.isNaN(parsed.getTime())) return parsed
  throw new Refused('invalid', 'It must be a date, or a date and a time: 2026-11-23, 2026-11-23T14:00, …T14:00Z.')
}
