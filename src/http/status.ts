import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { BREAKER_STATES } from '../source/ports.ts'
import type { Asked } from './auth/passdb.ts'

const Status = Type.Object({
  providers: Type.Array(
    Type.Object({
      provider: Type.String(),
      breaker: Type.Enum(BREAKER_STATES),
      running: Type.Integer({ description: 'Questions being asked' }),
      waiting: Type.Integer({ description: 'Questions in the queue' }),
    }),
  ),
})

/** `GET /v1/status`, on the socket: how the providers' connections are used. */
export const status: FastifyPluginAsync<{ asked: Pick<Asked, 'providers'> }> = async (app, { asked }) => {
  const schema = { summary: "How the providers' connections are used", tags: ['health'], response: { 200: Status } }
  app.get('/v1/status', { schema }, async () => ({ providers: asked.providers() }))
}
