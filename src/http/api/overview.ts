import type { FastifyPluginAsync } from 'fastify'
import { Type } from '../../model/json-schema.ts'
import type { Deps } from '../../operations/deps.ts'
import { providerHealth } from '../../operations/provider-health.ts'
import { makeReport } from '../../operations/report.ts'
import { Text } from '../../operations/schema.ts'
import { redacted } from '../../settings.ts'
import { serve } from './route.ts'

const Settings = Type.Record(Type.Union([Text, Type.Number()]))

/** `/report`, `/health` and `/settings`: how far the people are, how the providers are, and what is set. */
export const overview: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, { method: 'GET', path: '/report' }, makeReport)

  serve(app, deps, { method: 'GET', path: '/health' }, providerHealth)

  app.get(
    '/settings',
    { schema: { summary: 'The settings in force; of a secret only whether it is set', response: { 200: Settings } } },
    async () => redacted(deps.settings),
  )
}
