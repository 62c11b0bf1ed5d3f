import { domainToASCII } from 'node:url'

/** A mail address in its one canonical form. Only `parseAddress` and `inDomain` make one. */
export interface Address {
  /** NFC, lower case, at most 64 characters. */
  readonly local: string
  /** ASCII (IDNA A-labels), lower case, no trailing dot. */
  readonly domain: string
  /** `local@domain` */
  readonly text: string
}

const LOCAL_ATOM = String.raw`[\p{L}\p{M}\p{Nd}+\-_=#'&~!]+`
const LOCAL = new RegExp(String.raw`^(?!\p{M})${LOCAL_ATOM}(?:\.${LOCAL_ATOM})*$`, 'u')
const LOCAL_LENGTH = 64
// What may be typed: letters, digits, hyphens and the dots that IDNA knows. Ignorable characters are not let through
// to IDNA, which would drop them silently.
const TYPED_DOMAIN = /^[\p{L}\p{M}\p{Nd}\-.\u3002\uff0e\uff61]+$/u
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const DOMAIN_LENGTH = 253
const TYPED_LENGTH = 512

/** The canonical address of what a person typed, or null when it can be nobody's address. */
export function parseAddress(typed: string): Address | null {
  if (typed.length > TYPED_LENGTH || INVISIBLE.test(typed)) return null
  const [local, domain, ...rest] = typed.split('@')
  if (local === undefined || domain === undefined || rest.length > 0) return null
  const canonicalLocal = parseLocal(local)
  const canonicalDomain = parseDomain(domain)
  if (canonicalLocal === null || canonicalDomain === null) return null
  return address(canonicalLocal, canonicalDomain)
}

/** The canonical form of a mail domain (RFC 5890, UTS 46), or null. */
export function parseDomain(typed: string): string | null {
  if (!TYPED_DOMAIN.test(typed) || INVISIBLE.test(typed)) return null
  const ascii = domainToASCII(typed.normalize('NFC')).replace(/\.$/, '')
  if (ascii.length === 0 || ascii.length > DOMAIN_LENGTH) return null
  const labels = ascii.split('.')
  // A last label of digits alone is an IP address, not a domain.
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '') ? ascii : null
}

/** The same person's address in another domain; `domain` is canonical already. */
export function inDomain(person: Address, domain: string): Address {
  return address(person.local, domain)
}

/** The person behind a sub-address (RFC 5233): `anna+shop` is `anna` where `+` is the delimiter; '' has none. */
export function withoutDetail(person: Address, delimiter: string): Address {
  const at = delimiter === '' ? -1 : person.local.indexOf(delimiter)
  if (at < 1) return person
  const local = parseLocal(person.local.slice(0, at))
  return local === null ? person : address(local, person.domain)
}

function parseLocal(typed: string): string | null {
  if (!typed.isWellFormed()) return null
  const local = typed.normalize('NFC').toLowerCase().normalize('NFC')
  return [...local].length <= LOCAL_LENGTH && LOCAL.test(local) ? local : null
}

function address(local: string, domain: string): Address {
  return { local, domain, text: `${local}@${domain}` }
}
