import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Gives the address of a person's client; null when it is not known, or that of a proxy, which many people share. */
export type ClientOf = (given: unknown) => string | null

/** @param proxies networks (RFC 4632) of webmails and proxies that sign many people in */
export function clientOf(proxies: readonly string[]): ClientOf {
  const networks = proxies.map((network) => ipaddr.parseCIDR(network))
  const isProxy = (client: string) => {
    const address = ipaddr.parse(client)
    return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
  }
  return (given) => {
    const client = clientAddressOf(given)
    return client === null || isProxy(client) ? null : client
  }
}

/**
 * The IP address of a person's client as Dovecot gave it, in canonical form; null when it is none. An IPv4-mapped IPv6
 * address (RFC 4291, section 2.5.5.2) is IPv4, and an interface's name is no part of an address.
 */
function clientAddressOf(given: unknown): string | null {
  if (typeof given !== 'string') return null
  const version = isIP(given)
  if (version === 4) return given
  if (version === 0) return null
  const [address = ''] = given.split('%')
  return ipaddr.process(address).toString()
}
