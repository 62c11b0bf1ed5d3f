import { hash } from 'node:crypto'
import type { Address } from './address.ts'

/**
 * What is wrong with a template of homes on the destination, or null. `%d` is the domain, `%n` the local part, `%u` the
 * address.
 */
export function flawOfHomeTemplate(template: string): string | null {
  if (!template.startsWith('/')) return 'must be an absolute path'
  if (/[\0\r\n]/.test(template)) return 'must not contain control characters'
  if (/%(?![dnu])/.test(template)) return 'knows only %d (domain), %n (local part) and %u (address)'
  if (/%[dnu]%[dnu]/.test(template)) return 'must have something between two of %d, %n and %u'
  if (!/%[nu]/.test(template)) return 'must tell people apart: use %n or %u'
  return null
}

/** The longest name of a file, in bytes (Linux, NAME_MAX). */
const NAME_BYTES = 255
const DIGEST_LENGTH = 32

/**
 * An account's home on the destination. A canonical address has no character that a path would read as more than a
 * name; a name that would be too long for a file system ends in its digest.
 */
export function expandHome(template: string, address: Address): string {
  const values = { d: address.domain, n: address.local, u: address.text }
  return template
    .replace(/%([dnu])/g, (_, key: 'd' | 'n' | 'u') => values[key])
    .split('/')
    .map(shortened)
    .join('/')
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES) return name
  const digest = hash('sha256', name).slice(0, DIGEST_LENGTH)
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > NAME_BYTES - DIGEST_LENGTH - 1) break
    kept += character
  }
  return `${kept}=${digest}`
}
