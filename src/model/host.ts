import ipaddr from 'ipaddr.js'

/** Whether only this host itself is reached by this name or address. */
export function isLoopback(host: string): boolean {
  return ipaddr.isValid(host) ? ipaddr.process(host).range() === 'loopback' : host.toLowerCase() === 'localhost'
}
