import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import type { BulkOutcome, Selection } from '../../../operations/bulk.ts'
import { Why } from '../bodies.ts'
import { form, hidden, reasonField } from '../forms.ts'
import type { PanelDeps } from '../house.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, table, withQuery } from '../parts.ts'
import { by, goOn, show } from '../show.ts'
import { notFound } from '../trouble.ts'
import { type Action, actionOf } from './actions.ts'
import { filterIn, ListQuery } from './query.ts'

const PATH = '/admin/migrations'
const SETTLE = { permission: 'settle' } as const

// One checked box comes as a text, several as a list.
const Addresses = Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 1000 })])
const Order = Type.Object({
  ...ListQuery.properties,
  ...Why.properties,
  action: Type.String(),
  whom: Type.Union([Type.Literal('checked'), Type.Literal('all')]),
  address: Type.Optional(Addresses),
})
type Order = Static<typeof Order>

/** Many migrations at once: first what would happen, then that. */
export const bulk: FastifyPluginAsyncTypebox<PanelDeps> = async (app, { house }) => {
  app.post(`${PATH}/bulk`, { config: SETTLE, schema: { body: Order } }, async (request, reply) => {
    const { body } = request
    const action = actionIn(body)
    const selection = selectionIn(body)
    if (selection === null) return goOn(request, reply, backTo(body), { kind: 'warn', text: 'Nobody was checked.' })
    const outcome = await house.bulk.preview(action.name, selection)
    return show(request, reply, { title: action.title }, previewPage(action, body, outcome, reply.generateCsrf()))
  })

  app.post(`${PATH}/bulk/confirm`, { config: SETTLE, schema: { body: Order } }, async (request, reply) => {
    const { body } = request
    const action = actionIn(body)
    const selection = selectionIn(body)
    if (selection === null) throw notFound()
    const { changed, refused } = sums(await house.bulk.carryOut(action.name, selection, by(request, body.reason)))
    const text = `${action.title}: ${changed} of ${changed + refused} people.`
    return goOn(request, reply, backTo(body), { kind: refused === 0 ? 'good' : 'warn', text })
  })
}

function actionIn({ action }: Order): Action {
  const found = actionOf(action)
  if (found === undefined) throw notFound()
  return found
}

function selectionIn(body: Order): Selection | null {
  if (body.whom === 'all') return { filter: filterIn(body) }
  const addresses = [body.address ?? []].flat()
  return addresses.length === 0 ? null : { addresses }
}

function backTo({ state, provider, domain, code, search }: Order): string {
  return withQuery(PATH, { state, provider, domain, code, search })
}

function sums(outcome: BulkOutcome): { changed: number; refused: number } {
  const sum = (groups: readonly { readonly count: number }[]) => groups.reduce((all, { count }) => all + count, 0)
  return { changed: sum(outcome.changed), refused: sum(outcome.refused) }
}

function previewPage(action: Action, body: Order, outcome: BulkOutcome, csrf: string): Piece {
  const { changed, refused } = sums(outcome)
  return html`<p class="trail"><a href=${backTo(body)}>Migrations</a></p>
    <h1>${action.title}: ${changed.toLocaleString('en')} of ${(changed + refused).toLocaleString('en')} people</h1>
    <section class="card">
      <p>${action.consequence}</p>
      ${outcomeTable(outcome, action)}
      ${changed === 0 ? html`<p><a href=${backTo(body)}>Back to the list</a></p>` : confirmation(action, body, changed, csrf)}
    </section>`
}

function outcomeTable({ changed, refused }: BulkOutcome, { title }: Action): Piece {
  const rows: { count: number; becomes: Content }[] = [
    ...changed.map(({ count, from, to }) => ({
      count,
      becomes: html`${badge(title, 'info')} ${from === to ? from : `${from} → ${to}`}`,
    })),
    ...refused.map(({ count, reason }) => ({ count, becomes: html`${badge('stays', 'plain')} ${reason}` })),
  ]
  return table(
    'What will happen',
    [
      { head: 'People', isNumber: true, cell: ({ count }) => count.toLocaleString('en') },
      { head: 'What happens', cell: ({ becomes }) => becomes },
    ],
    rows,
    'Nobody is meant.',
  )
}

function confirmation(action: Action, body: Order, changed: number, csrf: string): Piece {
  const { state, provider, domain, code, search, whom } = body
  const addresses = whom === 'all' ? [] : [body.address ?? []].flat()
  return form(
    `${PATH}/bulk/confirm`,
    csrf,
    html`${hidden({ action: action.name, whom, state, provider, domain, code, search })}
      ${addresses.map((address) => hidden({ address }))}
      ${reasonField()}
      <div class="buttons">
        <button class=${action.isDangerous ? 'danger' : 'main'}>${action.title}: ${changed.toLocaleString('en')} people</button>
        <a href=${backTo(body)}>Leave it</a>
      </div>`,
  )
}
