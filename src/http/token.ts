import { timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Refuses requests without the token (RFC 6750, section 2.1), before their body is read.
 * @param whose its name for people
 */
export function requireToken(token: string, whose: 'auth' | 'admin') {
  const isRight = showsToken(token)
  return (request: FastifyRequest, reply: FastifyReply, next: () => void) => {
    if (isRight(request)) next()
    // The body stays unread: the connection cannot be used again.
    else
      reply
        .code(403)
        .header('connection', 'close')
        .send({ error: `the ${whose} token is missing or wrong` })
  }
}

/** Whether a request shows the token. */
export function showsToken(token: string): (request: FastifyRequest) => boolean {
  const isRight = equals(`Bearer ${token}`)
  return ({ headers }) => isRight(headers.authorization ?? '')
}

/** Compares with an expected text in constant time. */
function equals(expected: string): (given: string) => boolean {
  const wanted = Buffer.from(expected)
  const copy = Buffer.alloc(wanted.length)
  return (given) => {
    copy.fill(0).write(given)
    const isSame = timingSafeEqual(copy, wanted)
    return isSame && given.length === expected.length
  }
}
