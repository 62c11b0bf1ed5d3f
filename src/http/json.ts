import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'

class NotUtf8 extends Error {
  readonly statusCode = 400
}

/**
 * Bodies are JSON alone, and JSON is UTF-8 (RFC 8259, section 8.1). Fastify would read U+FFFD in place of each wrong
 * byte, so that different passwords became one.
 */
export function speakJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isUtf8(body)) parse(request, body.toString('utf8'), done)
    else done(new NotUtf8('the request is not UTF-8'))
  })
}
