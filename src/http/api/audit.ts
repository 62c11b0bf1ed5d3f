import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { address, time } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { renamed } from '../../operations/person.ts'
import { auditRow } from '../../operations/rows.ts'
import { exactly } from '../../operations/schema.ts'
import { AuditEntry } from '../../operations/schemas.ts'
import { PAGE, pageIn, pageOf, pageRow } from './paging.ts'
import { readingAny } from './wrong.ts'

const Filter = exactly({
  address: Type.Optional(Type.String({ description: 'Of this person, by the new or the old address' })),
  actor: Type.Optional(Type.String({ description: 'By this one, as `api` or `cli:root`' })),
  action: Type.Optional(Type.String({ description: 'Of this kind, as `migration.pause`' })),
  since: Type.Optional(Type.String({ description: 'Not before this time, as 2026-11-23 or 2026-11-23T14:00' })),
  ...PAGE,
})

/** `/audit`: who changed what, and why. */
export const audit: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.get(
    '/audit',
    {
      schema: {
        summary: 'List the changes, the newest first',
        querystring: Filter,
        response: { 200: pageOf(AuditEntry) },
      },
    },
    async ({ query: { actor, action, ...query } }) => {
      const person = readingAny('address', address, query.address)
      const since = readingAny('since', time, query.since)
      const subject = person && (await renamed(house, person))
      const filter = {
        ...(subject !== undefined && { subject }),
        ...(since !== undefined && { since }),
        ...(actor !== undefined && { actor }),
        ...(action !== undefined && { action }),
      }
      return pageRow(await house.audit.page({ filter, ...pageIn(query) }), auditRow)
    },
  )
}
