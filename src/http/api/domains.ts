import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Refused } from '../../model/refused.ts'
import { domain } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { domainRow } from '../../operations/rows.ts'
import { by, Reason, ReasonQuery } from './by.ts'
import { Domain } from './components.ts'
import { exactly, listOf, Text, the } from './schema.ts'
import { reading, readingAll, readingAny, refuseNoProvider } from './wrong.ts'

const Added = exactly({
  domain: Type.String({ description: 'As it is on the old server' }),
  provider: Text,
  new_domain: Type.Optional(Type.String({ description: 'What it is called on the new server; usual: the same' })),
  shared_names: Type.Optional(
    Type.Boolean({ description: 'Whoever has one name in several domains of a provider is one person there' }),
  ),
  reason: Reason,
})

/** `/domains`: mail domains that people come from. */
export const domains: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.get('/domains', { schema: { summary: 'List the domains', response: { 200: listOf(the(Domain)) } } }, async () =>
    (await house.domains.list()).map(domainRow),
  )

  app.post(
    '/domains',
    { schema: { summary: 'Let the people of a domain sign in', body: Added, response: { 201: the(Domain) } } },
    async ({ body }, reply) => {
      const { provider, shared_names: sharesNames = false } = body
      const isThere = (await house.providers.find(provider)) !== null
      const read = readingAll({
        name: () => reading('domain', domain, body.domain),
        newDomain: () => readingAny('new_domain', domain, body.new_domain),
        provider: () => refuseNoProvider(isThere, provider),
        by: () => by(body.reason),
      })
      const { name, newDomain = name } = read
      await house.domains.add({ name, newDomain, provider, sharesNames }, read.by)
      return reply.code(201).send(domainRow({ name, newDomain, provider }))
    },
  )

  app.delete(
    '/domains/:domain',
    {
      schema: {
        summary: 'Let nobody new of a domain sign in any more; accounts stay',
        params: Type.Object({ domain: Text }),
        ...{ querystring: ReasonQuery, response: { 200: the(Domain) } },
      },
    },
    async ({ params, query }) => {
      const name = reading('domain', domain, params.domain)
      const removed = (await house.domains.list()).find((domain) => domain.name === name)
      if (removed === undefined || !(await house.domains.remove(name, by(query.reason)))) {
        throw new Refused('not-found', `there is no domain ${name}`)
      }
      return domainRow(removed)
    },
  )
}
