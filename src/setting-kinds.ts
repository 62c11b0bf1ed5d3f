import { resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { databaseUrlIn } from './database-url.ts'
import { isRecipient } from './keys/age.ts'
import { panelKeyIn } from './keys/panel-key.ts'
import { flawOfHomeTemplate } from './model/home.ts'

/** What a setting may hold. */
export interface Kind<T> {
  /** @throws an error whose message follows the setting's name */
  read(text: string): T
  /** A value as an administrator writes it. */
  show(value: T): string | number
  /** The value where nothing is set. */
  readonly unset?: T
  readonly isSecret?: true
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
const LEAST_TOKEN_LENGTH = 32
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/

export const path: Kind<string> = { read: (text) => resolve(text), show: String }
export const pathOrNone: Kind<string | null> = {
  ...{ read: (text) => resolve(text), show: (value) => value ?? 'not set', unset: null },
}
export const host: Kind<string> = { read: String, show: String }

export const home: Kind<string> = {
  read(text) {
    const flaw = flawOfHomeTemplate(text)
    check(flaw === null, flaw)
    return text
  },
  show: String,
}

export const port: Kind<number> = {
  read(text) {
    check(/^\d{1,5}$/.test(text) && Number(text) <= 65_535, 'must be a port from 0 to 65535')
    return Number(text)
  },
  show: Number,
}

export const count = amount(/^\d{1,7}$/, 'must be a whole number')
export const percent = amount(/^\d{1,2}$/, 'must be a whole number from 0 to 99')
/** Read as milliseconds. */
export const seconds = amount(/^\d{1,7}$/, 'must be a whole number', 1_000)
/** Read as bytes. */
export const mebibytes = amount(/^\d{1,7}$/, 'must be a whole number', 2 ** 20)

function amount(digits: RegExp, flaw: string, unit = 1): Kind<number> {
  return {
    read(text) {
      check(digits.test(text), flaw)
      return Number(text) * unit
    },
    show: (value) => value / unit,
  }
}

export const yesOrNo: Kind<boolean> = {
  read(text) {
    check(text === 'yes' || text === 'no', 'must be yes or no')
    return text === 'yes'
  },
  show: (value) => (value ? 'yes' : 'no'),
}

export const logLevel: Kind<string> = {
  read(text) {
    check(LOG_LEVELS.includes(text), `must be one of ${LOG_LEVELS.join(', ')}`)
    return text
  },
  show: String,
}

export const delimiter: Kind<string> = {
  read(text) {
    check(/^[+\-_=#]$/.test(text), 'must be one of + - _ = #')
    return text
  },
  show: String,
  unset: '',
}

export const networks = words(
  ipaddr.isValidCIDR,
  'must be networks as 192.0.2.0/24 or 2001:db8::/32, with blanks between',
)
export const ageRecipients = words(isRecipient, 'must be age public keys (age1…), with blanks between')
export const urls = words(
  (word) => URL.canParse(word) && /^https?:$/.test(new URL(word).protocol),
  'must be URLs as http://127.0.0.1:8026, with blanks between',
)
export const hostNames = words(
  (word) => HOST_NAME.test(word),
  'must be names of hosts, with blanks between, without scheme and port',
  (text) => text.toLowerCase(),
)

function words(
  isOne: (word: string) => boolean,
  flaw: string,
  normalize: (text: string) => string = String,
): Kind<readonly string[]> {
  return {
    read(text) {
      const read = normalize(text)
        .split(/[\s,]+/)
        .filter((word) => word !== '')
      check(read.length > 0 && read.every(isOne), flaw)
      return read
    },
    show: (value) => value.join(' ') || 'not set',
    unset: [],
  }
}

export const postgresUrl = secret(databaseUrlIn)

/** Whoever guesses it may ask whatever its owner may. */
export const token = secret((text) => {
  check(/^[\x21-\x7e]*$/.test(text), 'must be printable ASCII without blanks')
  const length = `must have ${LEAST_TOKEN_LENGTH} characters at least (openssl rand -hex 32 makes one)`
  check(text.length >= LEAST_TOKEN_LENGTH, length)
  return text
})

export const panelKey = secret((text) => {
  const key = panelKeyIn(text)
  check(key !== null, 'must be 32 bytes in base64 or hex')
  return key
})

/** Shown is only whether it is set. */
function secret<T>(read: (text: string) => T): Kind<T | null> {
  return { read, show: (value) => (value === null ? 'not set' : 'set'), unset: null, isSecret: true }
}

function check(isRight: boolean, flaw: string | null): asserts isRight {
  if (!isRight) throw new Error(flaw ?? '')
}
