import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { within } from '../../model/within.ts'
import type { Metrics } from './metrics.ts'

const CHECK_LIMIT_MS = 3_000

/** One thing that the service cannot do without: resolves when it is well, else rejects with the reason. */
export type Check = () => Promise<void>

/** `/livez`, `/readyz`, `/healthz` and `/metrics`. */
export const health: FastifyPluginAsync<{ checks: Record<string, Check>; metrics: Metrics }> = async (
  app: FastifyInstance,
  { checks, metrics },
) => {
  const quiet = { logLevel: 'silent' } as const
  app.get('/livez', quiet, async () => ({ status: 'alive' }))
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, quiet, async (_, reply) => {
      const results = Object.fromEntries(
        await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await resultOf(check)] as const)),
      )
      const ready = Object.values(results).every(({ ok }) => ok)
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', checks: results })
    })
  }
  app.get('/metrics', quiet, async (_, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
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
