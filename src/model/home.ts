import type { Address } from './address.ts'

/** What is wrong with a template of homes on NEW, or null. `%d` is the domain, `%n` the local part, `%u` the address. */
export function flawOfHomeTemplate(template: string): string | null {
  if (!template.startsWith('/')) return 'must be an absolute path'
  if (/[\0\r\n]/.test(template)) return 'must not contain control characters'
  if (/%(?![dnu])/.test(template)) return 'knows only %d (domain), %n (local part) and %u (address)'
  if (!/%[nu]/.test(template)) return 'must tell people apart: use %n or %u'
  return null
}

/** An account's home on NEW. A canonical address has no character that a path would read as more than a name. */
export function expandHome(template: string, address: Address): string {
  const values = { d: address.domain, n: address.local, u: address.text }
  return template.replace(/%([dnu])/g, (_, key: 'd' | 'n' | 'u') => values[key])
}
