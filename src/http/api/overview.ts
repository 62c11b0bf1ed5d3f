import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { domain } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { providerHealth } from '../../operations/provider-health.ts'
import { reportRow } from '../../operations/rows.ts'
import { exactly, Text, the } from '../../operations/schema.ts'
import { Report } from '../../operations/schemas.ts'
import { redacted } from '../../settings.ts'
import { serve } from './route.ts'
import { readingAll, readingAny, refuseNoProvider } from './wrong.ts'

const Scope = exactly({
  provider: Type.Optional(Type.String({ description: 'From this provider' })),
  domain: Type.Optional(Type.String({ description: 'From this domain of the old server' })),
})
const Settings = Type.Record(Text, Type.Union([Text, Type.Number()]))

/** `/report`, `/health` and `/settings`: how far the people are, how the providers are, and what is set. */
export const overview: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.get(
    '/report',
    {
      schema: {
        summary: 'How far the people are: by provider and domain, by day, and what stops them',
        ...{ querystring: Scope, response: { 200: the(Report) } },
      },
    },
    async ({ query: { provider, ...query } }) => {
      const isThere = provider === undefined || (await house.providers.find(provider)) !== null
      const read = readingAll({
        provider: () => refuseNoProvider(isThere, provider),
        domain: () => readingAny('domain', domain, query.domain),
      })
      return reportRow(await house.report({ provider, domain: read.domain }))
    },
  )

  serve(app, house, { method: 'GET', path: '/health' }, providerHealth)

  app.get(
    '/settings',
    { schema: { summary: 'The settings in force; of a secret only whether it is set', response: { 200: Settings } } },
    async () => redacted(house.settings),
  )
}
