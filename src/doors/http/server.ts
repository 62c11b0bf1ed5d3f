import { createHash, timingSafeEqual } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { type Check, health } from './health.ts'
import type { Metrics } from './metrics.ts'
import { type Asked, passdb } from './passdb.ts'

export interface HttpDoor {
  readonly asked: Asked
  readonly checks: Record<string, Check>
  readonly metrics: Metrics
  readonly log: Logger
  /** What Dovecot has to show; null where the socket's file mode guards the door. */
  readonly doorToken: string | null
}

const BODY_LIMIT = 64 * 1024
const HEADERS_LIMIT_MS = 10_000

/** The HTTP door, not listening yet. */
export function httpDoor({ asked, checks, metrics, log, doorToken }: HttpDoor): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    connectionTimeout: 0,
    requestTimeout: HEADERS_LIMIT_MS,
    forceCloseConnections: 'idle',
    // A password that looks like a number is a mistake of the door, not a string.
    ajv: { customOptions: { coerceTypes: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  // Fastify brings a parser for plain text along: such a body is no question.
  app.removeContentTypeParser('text/plain')
  app.register(health, { checks, metrics })
  app.register(async (guarded) => {
    if (doorToken !== null) guarded.addHook('onRequest', requireToken(doorToken))
    guarded.register(passdb, { asked, metrics })
  })
  return app as unknown as FastifyInstance
}

function requireToken(token: string) {
  const expected = digest(`Bearer ${token}`)
  return async (
    request: { headers: { authorization?: string | undefined } },
    reply: { code(status: number): { send(body: object): unknown } },
  ) => {
    // Digests have one length: comparing them takes the same time whatever was sent.
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return
    return reply.code(403).send({ error: 'the door token is missing or wrong' })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
