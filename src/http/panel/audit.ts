import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { listAudit } from '../../operations/audit.ts'
import { bodyOf } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import { textField } from './forms.ts'
import { html, type Piece } from './html.ts'
import { auditTable } from './migrations/history.ts'
import { pager, withQuery } from './parts.ts'
import { performQuery, refuseUnknown } from './query.ts'
import { show } from './show.ts'

const PATH = '/admin/audit'
const Query = bodyOf(listAudit)
type Query = Readonly<Record<string, string | undefined>>

/** Who changed what, and why. */
export const auditPage: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.get(PATH, { schema: { querystring: Query }, preHandler: refuseUnknown }, async (request, reply) => {
    const { after: _, before: __, ...filter }: Query = request.query
    const { rows, ...more } = await performQuery(request, deps, listAudit)
    const to = (cursor: Query) => withQuery(PATH, { ...filter, ...cursor })
    const content = html`<h1>Audit</h1>
      <section class="card">${filterForm(filter)}</section>
      <section class="card">${auditTable(rows, 'No change matches.')}${pager('More changes', ['Newest', 'Newer', 'Older'], more, to)}</section>`
    return show(request, reply, { title: 'Audit' }, content)
  })
}

function filterForm({ subject = '', actor = '', action = '', since = '' }: Query): Piece {
  return html`<form class="filters" method="get" action=${PATH} role="search">
    ${textField({ name: 'subject', label: 'Of whom or what', value: subject })}
    ${textField({ name: 'actor', label: 'By whom', value: actor, placeholder: 'panel:anna' })}
    ${textField({ name: 'action', label: 'What', value: action, placeholder: 'migration.pause' })}
    ${textField({ name: 'since', label: 'Since', value: since, placeholder: '2026-11-23' })}
    <button class="main">Show</button>
    <a href=${PATH}>All</a>
  </form>`
}
