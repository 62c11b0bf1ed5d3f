import type { FastifyRequest } from 'fastify'

/** The path, if it is one of the panel: nobody is sent elsewhere, whatever a link says. */
export function pathWithin(path: string | undefined): string | null {
  return path !== undefined && /^\/admin(?:[/?][\x21-\x7e]*)?$/.test(path) ? path : null
}

/** The page of the panel that a request comes from; null: it comes from nowhere, or from elsewhere. */
export function pageBefore({ headers }: FastifyRequest): string | null {
  const page = URL.parse(headers.referer ?? '')
  return page !== null && isHere(page, headers.host) ? pathWithin(page.pathname + page.search) : null
}

/** Whether a form stood on a page of this host, and not on one that sends forms to it. */
export function isOwnForm({ method, headers }: FastifyRequest): boolean {
  const origin = URL.parse(headers.origin ?? '')
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false
  return method === 'POST' && isForm && origin !== null && isHere(origin, headers.host)
}

// A proxy may leave out the port.
function isHere({ hostname }: URL, host: string | undefined): boolean {
  return hostname !== '' && hostname === URL.parse(`http://${host}`)?.hostname
}
