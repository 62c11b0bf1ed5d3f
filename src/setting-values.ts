import { makeValidator } from 'envalid'
import ipaddr from 'ipaddr.js'
import { isRecipient } from './keys/age.ts'
import { panelKeyIn } from './keys/panel-key.ts'
import { flawOfHomeTemplate } from './model/home.ts'

const LEAST_TOKEN_LENGTH = 32
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

// What a setting may be, by kind. A thrown message goes on after the setting's name.
export const postgresUrl = makeValidator((value: string) => {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw new Error('must be a postgresql:// URL')
  return value
})
export const port = makeValidator((value: string) => {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Error('must be a port from 0 to 65535')
  return Number(value)
})
export const count = makeValidator((value: string) => {
  if (!/^\d{1,7}$/.test(value)) throw new Error('must be a whole number')
  return Number(value)
})
export const percent = makeValidator((value: string) => {
  if (!/^\d{1,2}$/.test(value)) throw new Error('must be a whole number from 0 to 99')
  return Number(value)
})
export const yesOrNo = makeValidator((value: string) => {
  if (value !== 'yes' && value !== 'no') throw new Error('must be yes or no')
  return value === 'yes'
})
export const delimiter = makeValidator((value: string) => {
  if (!/^[+\-_=#]?$/.test(value)) throw new Error('must be one of + - _ = #')
  return value
})
export const token = makeValidator((value: string) => {
  const flaw = flawOfToken(value)
  if (flaw !== null) throw new Error(flaw)
  return value
})
export const networks = makeValidator((value: string) => {
  const networks = wordsOf(value)
  if (!networks.every((network) => ipaddr.isValidCIDR(network)))
    throw new Error('must be networks as 192.0.2.0/24 or 2001:db8::/32, with blanks between')
  return networks
})
export const names = makeValidator((value: string) => {
  const names = wordsOf(value.toLowerCase())
  if (!names.every((name) => HOST_NAME.test(name)))
    throw new Error('must be names of hosts, with blanks between, without scheme and port')
  return names
})
export const panelKey = makeValidator((value: string) => {
  const key = panelKeyIn(value)
  if (key === null) throw new Error('must be 32 bytes in base64 or hex')
  return key
})
export const home = makeValidator((value: string) => {
  const flaw = flawOfHomeTemplate(value)
  if (flaw !== null) throw new Error(flaw)
  return value
})
export const ageRecipients = makeValidator((value: string) => {
  const recipients = wordsOf(value)
  const wrong = recipients.find((recipient) => !isRecipient(recipient))
  if (wrong !== undefined || recipients.length === 0)
    throw new Error('must be age public keys (age1…), with blanks between')
  return recipients
})

function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}

/** What is wrong with a token that is shown on TCP; null: nothing. Whoever guesses it may ask whatever Dovecot may. */
export function flawOfToken(token: string): string | null {
  if (!/^[\x21-\x7e]*$/.test(token)) return 'must be printable ASCII without blanks'
  if (token.length >= LEAST_TOKEN_LENGTH) return null
  return `must have ${LEAST_TOKEN_LENGTH} characters at least (openssl rand -hex 32 makes one)`
}
