import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { may } from '../../model/administrator.ts'
import type { Alias } from '../../model/alias.ts'
import { addAlias, listAliases, removeAlias } from '../../operations/aliases.ts'
import { bodyOf } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import { areaField, form, reasonField, textField } from './forms.ts'
import { html, type Piece } from './html.ts'
import { pager, table, withQuery } from './parts.ts'
import { serveForm } from './perform.ts'
import { performQuery, refuseUnknown } from './query.ts'
import { administrator } from './session.ts'
import { show } from './show.ts'

const PATH = '/admin/aliases'

/** Addresses that nobody has, and whose mail goes to others. */
export const aliasPage: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.get(PATH, { schema: { querystring: bodyOf(listAliases) }, preHandler: refuseUnknown }, async (request, reply) => {
    const { rows, ...more } = await performQuery(request, deps, listAliases)
    const csrf = may(administrator(request).role, 'own') ? reply.generateCsrf() : null
    const to = (cursor: Record<string, string>) => withQuery(PATH, cursor)
    const content = html`<h1>Aliases</h1>
      <section class="card">${aliasTable(rows, csrf)}${pager('More aliases', ['First', 'Previous', 'Next'], more, to)}</section>
      ${csrf !== null && html`<section class="card"><h2>Add an alias</h2>${addForm(csrf)}</section>`}`
    return show(request, reply, { title: 'Aliases' }, content)
  })

  const next = () => PATH
  serveForm(app, deps, addAlias, {
    ...{ path: PATH, next },
    done({ alias: { address, targets }, unknown }) {
      const text = `Mail for ${address} goes to ${targets.join(', ')}.`
      if (unknown.length === 0) return text
      return { kind: 'warn', text: `${text} Nothing is known here of ${unknown.join(', ')}: check the spelling.` }
    },
  })
  serveForm(app, deps, removeAlias, {
    ...{ path: `${PATH}/:address/remove`, fields: ['reason'], next },
    done: ({ address, targets }) => `Mail for ${address} does not go to ${targets.join(', ')} any more.`,
  })
}

function aliasTable(rows: readonly Alias[], csrf: string | null): Piece {
  const remove = ({ address }: Alias, csrf: string) =>
    form(
      `${PATH}/${encodeURIComponent(address)}/remove`,
      csrf,
      html`<button class="link" aria-label="Remove ${address}">Remove</button>`,
    )
  return table(
    'Addresses that nobody has, and whose mail goes to others',
    [
      { head: 'Alias', isName: true, cell: ({ address }) => address },
      { head: 'Goes to', isName: true, cell: ({ targets }) => targets.join(', ') },
      ...(csrf === null ? [] : [{ head: 'Change', cell: (row: Alias) => remove(row, csrf) }]),
    ],
    rows,
    html`There is none. Many at once, on the server: <code>postferry import aliases.csv</code>`,
  )
}

function addForm(csrf: string): Piece {
  return form(
    PATH,
    csrf,
    html`${textField({ name: 'address', label: 'Alias', required: true, placeholder: 'sales@new.example' })}
      ${areaField({ name: 'target', label: 'Its mail goes to', hint: 'One address a line.', rows: 2 })}
      ${reasonField('alias-reason')}
      <div class="buttons"><button class="main">Add the alias</button></div>`,
  )
}
