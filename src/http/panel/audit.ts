import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import type { AuditFilter } from '../../operations/ports.ts'
import { textField } from './forms.ts'
import type { PanelDeps } from './house.ts'
import { html, type Piece } from './html.ts'
import { auditTable } from './migrations/history.ts'
import { pager, withQuery } from './parts.ts'
import { refuseUnknown, said } from './query.ts'
import { show } from './show.ts'

const PATH = '/admin/audit'
const ROWS = 100

const word = (length: number) => Type.Optional(Type.String({ maxLength: length }))
const Query = Type.Object({ subject: word(400), actor: word(200), action: word(64), after: word(40), before: word(40) })
type Query = Static<typeof Query>

/** Who changed what, and why. */
export const auditPage: FastifyPluginAsyncTypebox<PanelDeps> = async (app, { house }) => {
  app.get(PATH, { schema: { querystring: Query }, preHandler: refuseUnknown }, async (request, reply) => {
    const { query } = request
    const { after, before } = query
    const { subject, actor, action } = query
    const to = (place: { after?: string; before?: string }) => withQuery(PATH, { subject, actor, action, ...place })
    const { rows, ...more } = await house.audit.page({
      ...{ filter: filterIn(query), limit: ROWS },
      ...(after ? { after } : before ? { before } : {}),
    })
    return show(
      request,
      reply,
      { title: 'Audit' },
      html`<h1>Audit</h1>
        <section class="card">${filterForm(query)}</section>
        <section class="card">${auditTable(rows, 'No change matches.')}${pager('More changes', ['Newest', 'Newer', 'Older'], more, to)}</section>`,
    )
  })
}

function filterIn(query: Query): AuditFilter {
  const text = (typed: string) => typed
  const [subject, actor, action] = [query.subject, query.actor, query.action].map((typed) => said('', text, typed))
  return { ...(subject && { subject }), ...(actor && { actor }), ...(action && { action }) }
}

function filterForm({ subject = '', actor = '', action = '' }: Query): Piece {
  return html`<form class="filters" method="get" action=${PATH} role="search">
    ${textField({ name: 'subject', label: 'Of whom or what', value: subject })}
    ${textField({ name: 'actor', label: 'By whom', value: actor, placeholder: 'panel:anna' })}
    ${textField({ name: 'action', label: 'What', value: action, placeholder: 'migration.pause' })}
    <button class="main">Show</button>
    <a href=${PATH}>All</a>
  </form>`
}
