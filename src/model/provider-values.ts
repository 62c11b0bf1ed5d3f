import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { parseDomain } from './address.ts'
import { likeliest } from './closest-word.ts'
import { type CopyWindow, parseWindow } from './provider.ts'
import { parseSize } from './quota.ts'
import { Refused } from './refused.ts'
import { isShortLine, isUsername, wholeNumber } from './texts.ts'

// Readers of what people type for a provider: what cannot be used is Refused as invalid.

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const HOST_LENGTH = 253
const PORT_LIMIT = 65_535
const ADDRESSES_LIMIT = 256
const CONNECTIONS_LIMIT = 10_000
const PATTERN_LENGTH = 1_000

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

export function connections(text: string): number {
  return wholeNumber(text, CONNECTIONS_LIMIT)
}

export function size(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== null) return bytes
  throw new Refused('invalid', 'It must be a size, as 500M, 2G or a number of bytes.')
}

export function addresses(text: string): number {
  return wholeNumber(text, ADDRESSES_LIMIT)
}

/** A file that every host of an interface can name in the same way. */
export function absolutePath(text: string): string {
  if (isAbsolute(text)) return text
  throw new Refused('invalid', "It must be an absolute path on postferry's host.")
}

/** 64 lower-case hex digits. */
export function fingerprint(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits) && /^(?:[^:]{64}|..(?::..){31})$/.test(text)) return digits
  throw new Refused('invalid', 'It must be SHA-256: 64 hex digits, with or without colons.')
}

export function masterName(text: string): string {
  if (isUsername(text)) return text
  throw new Refused('invalid', 'It must be 1 to 255 characters on one line.')
}

export function copyWindow(text: string): CopyWindow {
  const window = parseWindow(text)
  if (typeof window !== 'string') return window
  switch (window) {
    case 'form':
      throw new Refused('invalid', 'It must be as 20:00-06:00, or with a time zone: "20:00-06:00 Europe/Berlin".')
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

/** A pattern of mailbox names. */
export function pattern(text: string): string {
  if (isShortLine(text, PATTERN_LENGTH)) return text
  throw new Refused('invalid', `It must be 1 to ${PATTERN_LENGTH} characters without control characters.`)
}
