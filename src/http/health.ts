import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Type } from '../model/json-schema.ts'
import { within } from '../model/timeout.ts'
import type { ProviderStatus } from '../source/ports.ts'
import type { Metrics } from './metrics.ts'
import type { Look } from './standing-gauges.ts'
import { showsToken } from './token.ts'

const CHECK_LIMIT_MS = 3_000

/** One thing that the service needs: resolves when it is well, else rejects with the reason. */
export type Check = () => Promise<void>

type Results = Record<string, { ok: boolean; reason?: string }>

const Alive = Type.Object({ status: Type.Literal('alive') })
const Readiness = Type.Object({
  status: Type.Enum(['ready', 'not ready']),
  checks: Type.Optional(
    Type.Record(
      Type.Object({ ok: Type.Boolean(), reason: Type.Optional(Type.String({ description: 'What is wrong' })) }),
      { description: 'On the socket, and for whoever shows the auth token' },
    ),
  ),
})
const tags = ['health']
const LIVEZ = { summary: 'Whether the process lives', tags, response: { 200: Alive } }
const READYZ = { summary: 'Whether sign-ins can be served', tags, response: { 200: Readiness, 503: Readiness } }
const METRICS = { summary: 'For Prometheus', tags, produces: ['text/plain'], response: { 200: Type.String() } }

interface Health {
  readonly checks: Record<string, Check>
  readonly metrics: Metrics
  providerStatus(): readonly ProviderStatus[]
  readonly standing: Look
  /** Whoever shows it is told why the service is not ready; null: everybody is. */
  readonly authToken: string | null
}

/** `/livez`, `/readyz`, `/healthz` and `/metrics`. */
export const health: FastifyPluginAsync<Health> = async (app: FastifyInstance, health) => {
  const { checks, metrics, providerStatus, standing, authToken } = health
  const mayKnow = authToken === null ? () => true : showsToken(authToken)
  const check = together(() => resultsOf(checks))
  app.get('/livez', { schema: LIVEZ }, async () => ({ status: 'alive' }))
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, { schema: READYZ }, async (request, reply) => {
      const results = await check()
      const ready = Object.values(results).every(({ ok }) => ok)
      const status = ready ? 'ready' : 'not ready'
      return reply.code(ready ? 200 : 503).send({ status, ...(mayKnow(request) && { checks: results }) })
    })
  }
  app.get('/metrics', { schema: METRICS }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.render(providerStatus(), await standing())),
  )
}

/** Whoever asks while the checks run gets their result: no crowd of requests reaches the database. */
function together(check: () => Promise<Results>): () => Promise<Results> {
  let running: Promise<Results> | undefined
  return () => {
    running ??= check().finally(() => {
      running = undefined
    })
    return running
  }
}

async function resultsOf(checks: Record<string, Check>): Promise<Results> {
  return Object.fromEntries(
    await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await resultOf(check)] as const)),
  )
}

async function resultOf(check: Check): Promise<{ ok: boolean; reason?: string }> {
  try {
    await within(CHECK_LIMIT_MS, check())
    return { ok: true }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
}
