import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { showsToken } from './token.ts'

/** Misdirected Request (RFC 9110, section 15.5.20). */
const MISDIRECTED = 421
/** Monitoring may ask for these by any name: they tell no secret. */
const OPEN = ['/livez', '/readyz', '/healthz', '/metrics']

/**
 * Refuses requests that call this host by a name that is not its own: a page from elsewhere whose name suddenly leads
 * here (DNS rebinding) would be of the same origin as the panel. An IP address cannot lead elsewhere, what names no host
 * (HTTP/1.0) is no browser, and such a page cannot show a token.
 */
export function requireKnownHost(names: readonly string[], tokens: readonly (string | null)[]) {
  const shown = tokens.filter((token) => token !== null).map(showsToken)
  const known = new Set(['localhost', ...names.map((name) => name.toLowerCase())])
  return (request: FastifyRequest, reply: FastifyReply, next: () => void) => {
    // A page could add X-Forwarded-Host, too.
    const { host } = request.headers
    const isOpen = OPEN.includes(request.routeOptions.url ?? '')
    if (host === undefined || isOpen || isKnown(host, known) || shown.some((shows) => shows(request))) next()
    else
      reply
        .code(MISDIRECTED)
        .header('connection', 'close')
        .send({ error: 'this host is not known by that name: POSTFERRY_HOST_NAMES lists those that it has' })
  }
}

/** As `Host` has it (RFC 9110, section 7.2): with a port or without, an IPv6 address in brackets. */
function isKnown(host: string, known: ReadonlySet<string>): boolean {
  const { address, name = '' } = /^(?:\[(?<address>[^\]]*)\]|(?<name>[^:]*))(?::\d*)?$/.exec(host)?.groups ?? {}
  return address === undefined ? isIP(name) === 4 || known.has(name.toLowerCase()) : isIP(address) === 6
}
