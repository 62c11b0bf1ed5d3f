import { isIP } from 'node:net'
import { type Address, parseAddress, parseDomain } from '../model/address.ts'
import { parseAdministratorName } from '../model/administrator.ts'
import { likeliest } from '../model/closest-word.ts'
import { isPassword } from '../model/password.ts'
import { type CopyWindow, CUTOVERS, type Cutover, parseWindow } from '../model/provider.ts'
import { parseSize } from '../model/quota.ts'
import { Refused } from '../model/refused.ts'
import { isUsername } from '../model/username.ts'

// What people type, at any door. What cannot be used is an InvalidField.

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const HOST_LENGTH = 253
const PORT_LIMIT = 65_535
const CONNECTIONS_LIMIT = 10_000
const PATTERN_LENGTH = 1_000
const REASON_LENGTH = 500
const TIME = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?$/

export function providerName(text: string): string {
  if (NAME.test(text)) return text
  throw new Refused('invalid', 'It must be letters, digits, ".", "_" and "-", at most 64, a letter or digit first.')
}

export function host(text: string): string {
  if (isIP(text) !== 0 && !text.includes('%')) return text
  const name = /[^\0-\x7f]/.test(text) ? (parseDomain(text) ?? '') : text.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  if (
    name.length <= HOST_LENGTH &&
    labels.every((label) => HOST_LABEL.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  ) {
    return name
  }
  throw new Refused('invalid', 'It must be a DNS name or an IP address alone, without scheme, port or blanks.')
}

export function port(text: string): number {
  return wholeNumber(text, PORT_LIMIT)
}

/** When mail is copied. */
export function copyWindow(text: string): CopyWindow {
  const window = parseWindow(text)
  if (typeof window !== 'string') return window
  switch (window) {
    case 'form':
      throw new Refused(
        'invalid',
        'It must be as 20:00-06:00, with a time zone behind it or not: "20:00-06:00 Europe/Berlin".',
      )
    case 'empty':
      throw new Refused('invalid', 'It is empty: it ends when it begins. Without a window mail is copied at any hour.')
    case 'zone':
      throw new Refused('invalid', unknownZone(text.split(' ')[1] ?? ''))
  }
}

function unknownZone(zone: string): string {
  const meant = likeliest(zone, Intl.supportedValuesOf('timeZone')) ?? 'Europe/Berlin'
  return `There is no time zone ${zone}: it is named by its place, as ${meant}.`
}

/** When people move. */
export function cutover(text: string): Cutover {
  const way = oneOf(CUTOVERS)(text)
  if (way === 'immediate') return way
  throw new Refused(
    'invalid',
    `It cannot be ${way} yet, which does not work so far: people move at their first sign-in (immediate).`,
  )
}

export function connections(text: string): number {
  return wholeNumber(text, CONNECTIONS_LIMIT)
}

/** 64 lower-case hex digits. */
export function fingerprint(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits) && /^(?:[^:]{64}|..(?::..){31})$/.test(text)) return digits
  throw new Refused('invalid', 'It must be SHA-256: 64 hex digits, with or without colons.')
}

/** A pattern of mailbox names. */
export function pattern(text: string): string {
  if (isShortLine(text, PATTERN_LENGTH)) return text
  throw new Refused('invalid', `It must be 1 to ${PATTERN_LENGTH} characters without control characters.`)
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
  if (isShortLine(trimmed, PATTERN_LENGTH)) return trimmed.normalize('NFC')
  throw new Refused('invalid', `It must be 1 to ${PATTERN_LENGTH} characters without control characters.`)
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

/** One of a few words. */
export function oneOf<W extends string>(words: readonly W[]): (text: string) => W {
  return (text) => {
    const word = words.find((word) => word === text)
    if (word === undefined) throw new Refused('invalid', `It must be one of ${words.join(', ')}.`)
    return word
  }
}

function isShortLine(text: string, length: number): boolean {
  return text !== '' && text.length <= length && text.isWellFormed() && !/\p{Cc}/u.test(text)
}

function wholeNumber(text: string, limit: number): number {
  const number = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= limit) return number
  throw new Refused('invalid', `It must be a whole number from 1 to ${limit}.`)
}
