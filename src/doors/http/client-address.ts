import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * The IP address of a person's client as Dovecot gave it, in its one spelling; null when it is none. IPv4 in IPv6
 * clothes (RFC 4291, section 2.5.5.2) is IPv4, and an interface's name is no part of an address.
 */
export function clientAddressOf(given: unknown): string | null {
  if (typeof given !== 'string') return null
  const version = isIP(given)
  if (version === 4) return given
  if (version === 0) return null
  const [address = ''] = given.split('%')
  return ipaddr.process(address).toString()
}
