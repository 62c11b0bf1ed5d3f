import type { FastifyPluginAsync } from 'fastify'
import type { Logger } from 'pino'
import { Type } from '../../model/json-schema.ts'
import { type Delivery, Held, NoMx } from '../../routing/delivery.ts'
import type { Metrics } from '../metrics.ts'
import { proxyFields } from './extra-fields.ts'
import { REQUESTS_LIMIT, shed, tryLater } from './overload.ts'

const ANSWERS = {
  200: Type.Object({
    found: Type.Literal(true),
    fields: Type.Record(Type.String(), {
      description:
        'Nothing: the mail is delivered here. Else the extra fields with which Dovecot hands it to the old server',
    }),
  }),
  404: Type.Object({ found: Type.Literal(false) }),
  503: Type.Object({ code: Type.String() }),
}
const SCHEMA = {
  summary: 'Where is mail for this recipient delivered? Asked for LMTP, and lets nobody in',
  tags: ['auth'],
  security: [{ authToken: [] }],
  body: Type.Object({ username: Type.String() }),
  response: ANSWERS,
}

/** Where a message is delivered. Throws when it cannot tell. */
export type DeliveryOf = (recipient: string) => Promise<Delivery>

/** `POST /v1/delivery`: where is a message for this recipient delivered? */
export const delivery: FastifyPluginAsync<{ deliveryOf: DeliveryOf; metrics: Metrics; log: Logger }> = async (
  app,
  { deliveryOf, metrics, log },
) => {
  app.post<{ Body: { username: string } }>('/v1/delivery', { schema: SCHEMA }, async (request, reply) => {
    if (metrics.inFlight >= REQUESTS_LIMIT) {
      metrics.shed('delivery')
      return shed(reply)
    }
    metrics.inFlight++
    try {
      const found = await deliveryOf(request.body.username)
      if (found.to === 'nobody') return await reply.code(404).send({ found: false })
      return { found: true, fields: found.to === 'source' ? proxyFields(found) : {} }
    } catch (cause) {
      log.warn({ cause: String(cause) }, 'delivery')
      return tryLater(reply).send({ code: codeOf(cause) })
    } finally {
      metrics.inFlight--
    }
  })
}

function codeOf(cause: unknown): string {
  if (cause instanceof Held) return 'held'
  return cause instanceof NoMx ? 'no-mx' : 'database'
}
