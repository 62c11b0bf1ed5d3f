import { Readable } from 'node:stream'
import type { FastifyPluginAsync } from 'fastify'
import type { Logger } from 'pino'
import type { Auth } from '../../auth/auth.ts'
import { Type } from '../../model/json-schema.ts'
import type { Metrics } from '../metrics.ts'
import { NoString, onlyStrings, userdbFields } from './extra-fields.ts'
import { REQUESTS_LIMIT, shed, tryLater } from './overload.ts'

export const ANSWERS = {
  200: Type.Object({
    found: Type.Literal(true),
    fields: Type.Record(Type.String(), { description: "Dovecot's extra fields" }),
  }),
  404: Type.Object({ found: Type.Literal(false) }),
  503: Type.Object({ code: Type.String() }),
}
const SCHEMA = {
  summary: "Where is this person's mail?",
  tags: ['auth'],
  security: [{ authToken: [] }],
  body: Type.Object({ username: Type.String() }),
  response: ANSWERS,
}

const LIST = {
  summary: 'Who has an account?',
  tags: ['auth'],
  security: [{ authToken: [] }],
  response: {
    200: Type.Array(Type.String(), { description: 'All addresses; cut off when it does not end' }),
    503: ANSWERS[503],
  },
}

/** `POST /v1/userdb`: where is this person's mail? `GET`: who is there? */
export const userdb: FastifyPluginAsync<{ auth: Auth; metrics: Metrics; log: Logger }> = async (
  app,
  { auth, metrics, log },
) => {
  app.post<{ Body: { username: string } }>('/v1/userdb', { schema: SCHEMA }, async (request, reply) => {
    if (metrics.inFlight >= REQUESTS_LIMIT) {
      metrics.shed('userdb')
      return shed(reply)
    }
    metrics.inFlight++
    try {
      const account = await auth.lookUp(request.body.username)
      if (account === null) return await reply.code(404).send({ found: false })
      // Dovecot goes on with the one right spelling of the address.
      const { user, fields } = onlyStrings(account.address, userdbFields(account))
      return { found: true, fields: { user, ...fields } }
    } catch (cause) {
      log.warn({ cause: String(cause) }, 'userdb')
      return tryLater(reply).send({ code: cause instanceof NoString ? 'internal' : 'database' })
    } finally {
      metrics.inFlight--
    }
  })

  app.get('/v1/userdb', { schema: LIST }, async (_, reply) => {
    const pages = auth.addresses()
    try {
      const first = await pages.next()
      return reply.type('application/json; charset=utf-8').send(Readable.from(inJson(first.value ?? [], pages)))
    } catch (cause) {
      log.warn({ cause: String(cause) }, 'userdb')
      return tryLater(reply).send({ code: 'database' })
    }
  })
}

/** One array, a page at a time. */
async function* inJson(first: readonly string[], others: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  yield JSON.stringify(first).slice(0, -1)
  for await (const page of others) {
    if (page.length > 0) yield `,${JSON.stringify(page).slice(1, -1)}`
  }
  yield ']'
}
