import ipaddr from 'ipaddr.js'

/**
 * The network that an IP address stands for: whoever has an IPv6 address has a whole /64 of them (RFC 6177). Null: it
 * is no address.
 */
export function networkOf(client: string): string | null {
  if (!ipaddr.isValid(client)) return null
  const address = ipaddr.process(client)
  if (address instanceof ipaddr.IPv4) return address.toString()
  const network = address.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}

/** Whether only this host itself is reached by this name or address. */
export function isLoopback(host: string): boolean {
  return ipaddr.isValid(host) ? ipaddr.process(host).range() === 'loopback' : host.toLowerCase() === 'localhost'
}
