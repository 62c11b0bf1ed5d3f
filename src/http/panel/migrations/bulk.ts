import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { count } from '../../../model/count.ts'
import type { BulkOutcome } from '../../../operations/bulk-outcome.ts'
import { changeMigrations } from '../../../operations/migration-changes.ts'
import { FILTER } from '../../../operations/migrations.ts'
import { fieldsOf, type Said } from '../../../operations/operation.ts'
import { bodyOf } from '../bodies.ts'
import type { PanelDeps } from '../deps.ts'
import { form, hidden, reasonField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, table, withQuery } from '../parts.ts'
import { saidInQuery } from '../query.ts'
import { callerOf, goOn, show } from '../show.ts'
import { type Action, actionOf } from './actions.ts'

const PATH = '/admin/migrations'
/** What a page's address says. */
export type Query = Readonly<Record<string, string | undefined>>

const OPERATE = { permission: 'operate' } as const

// One checked box comes as a text, several as a list.
const Addresses = Type.Union([Type.String(), Type.Array(Type.String())])
const Order = Type.Object({
  ...bodyOf(changeMigrations).properties,
  whom: Type.Union([Type.Literal('checked'), Type.Literal('all')]),
  address: Type.Optional(Addresses),
})
type Order = Query & { readonly address?: string | readonly string[] }

/** Many migrations at once: first what would happen, then that. */
export const bulk: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  const carryOut = (request: FastifyRequest, order: Order, dryRun: boolean) =>
    deps.perform(changeMigrations, { ...saidIn(order), dry_run: String(dryRun) }, callerOf(request))

  app.post(`${PATH}/bulk`, { config: OPERATE, schema: { body: Order } }, async (request, reply) => {
    const order = request.body as Order
    if (order.whom === 'checked' && order.address === undefined) {
      return goOn(request, reply, backTo(order), { kind: 'warn', text: 'Select at least one migration.' })
    }
    const outcome = await carryOut(request, order, true)
    const action = actionOf(order.action)
    return show(request, reply, { title: action.title }, previewPage(action, order, outcome, reply.generateCsrf()))
  })

  app.post(`${PATH}/bulk/confirm`, { config: OPERATE, schema: { body: Order } }, async (request, reply) => {
    const order = request.body as Order
    const { changed, refused } = sums(await carryOut(request, order, false))
    const text = `${actionOf(order.action).title}: ${count(changed)} of ${count(changed + refused)} migrations.`
    return goOn(request, reply, backTo(order), { kind: refused === 0 ? 'good' : 'warn', text })
  })
}

function saidIn(order: Order): Said {
  const { action, reason } = saidInQuery(order, fieldsOf(changeMigrations))
  const whom = order.whom === 'all' ? { ...saidInQuery(order, FILTER), all: 'true' } : { addresses: addressesIn(order) }
  return { action, reason, ...whom }
}

function addressesIn({ address = [] }: Order): readonly string[] {
  return [address].flat()
}

/** What a query says of the filter. */
export function filterOf(query: Query): Query {
  return Object.fromEntries(Object.keys(FILTER).map((name) => [name, query[name]]))
}

function backTo(order: Order): string {
  return withQuery(PATH, filterOf(order))
}

function sums(outcome: BulkOutcome): { changed: number; refused: number } {
  const sum = (groups: readonly { readonly count: number }[]) => groups.reduce((all, { count }) => all + count, 0)
  return { changed: sum(outcome.changed), refused: sum(outcome.refused) }
}

function previewPage(action: Action, order: Order, outcome: BulkOutcome, csrf: string): Piece {
  const { changed, refused } = sums(outcome)
  return html`<p class="trail"><a href=${backTo(order)}>Migrations</a></p>
    <h1>${action.title}: ${count(changed)} of ${count(changed + refused)} migrations</h1>
    <section class="card">
      <p>${action.consequence}</p>
      ${outcomeTable(outcome, action)}
      ${changed === 0 ? html`<p><a href=${backTo(order)}>Back to the list</a></p>` : confirmation(action, order, changed, csrf)}
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
      { head: 'Migrations', isNumber: true, cell: (row) => count(row.count) },
      { head: 'What happens', cell: ({ becomes }) => becomes },
    ],
    rows,
    'No migration is selected.',
  )
}

function confirmation(action: Action, order: Order, changed: number, csrf: string): Piece {
  const { whom } = order
  const addresses = whom === 'all' ? [] : addressesIn(order)
  return form(
    `${PATH}/bulk/confirm`,
    csrf,
    html`${hidden({ action: action.name, whom, ...filterOf(order) })}
      ${addresses.map((address) => hidden({ address }))}
      ${reasonField()}
      <div class="buttons">
        <button class=${action.isDangerous ? 'danger' : 'main'}>${action.title}: ${count(changed)} migrations</button>
        <a href=${backTo(order)}>Cancel</a>
      </div>`,
  )
}
