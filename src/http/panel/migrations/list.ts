import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { may } from '../../../model/administrator.ts'
import { count, countOf } from '../../../model/count.ts'
import { isReady, ROUTES, STATES } from '../../../model/migration.ts'
import type { Provider } from '../../../model/provider.ts'
import type { Board } from '../../../operations/board.ts'
import { countMigrations, type ListedMigration, listMigrations } from '../../../operations/migrations.ts'
import type { MigrationSort } from '../../../operations/ports.ts'
import { listProviders } from '../../../operations/providers.ts'
import { bodyOf } from '../bodies.ts'
import type { PanelDeps } from '../deps.ts'
import { choiceField, form, hidden, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import {
  badge,
  type Column,
  migrationPath,
  number,
  pager,
  stateBadge,
  stateStrip,
  table,
  when,
  withQuery,
} from '../parts.ts'
import { performQuery, refuseUnknown } from '../query.ts'
import { administrator } from '../session.ts'
import { show } from '../show.ts'
import { ACTIONS } from './actions.ts'
import { filterOf, type Query } from './bulk.ts'

const PATH = '/admin/migrations'
const FIND = bodyOf(listMigrations, ['search'])

/** All migrations: to search, filter, sort, and to choose some of them. */
export const migrationList: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  // Where one alone matches, that is who was meant.
  app.get('/admin/find', { schema: { querystring: FIND }, preHandler: refuseUnknown }, async (request, reply) => {
    const { search = '' } = request.query
    if (search.trim() === '') return reply.redirect(PATH, 303)
    const { rows } = await performQuery(request, deps, listMigrations)
    const [one, another] = rows
    const isOne = one !== undefined && another === undefined
    return reply.redirect(isOne ? migrationPath(one.address) : withQuery(PATH, { search }), 303)
  })

  app.get(
    PATH,
    { schema: { querystring: bodyOf(listMigrations) }, preHandler: refuseUnknown },
    async (request, reply) => {
      const query: Query = request.query
      const [{ rows, after, before }, matching, providers, board] = await Promise.all([
        performQuery(request, deps, listMigrations),
        performQuery(request, deps, countMigrations),
        performQuery(request, deps, listProviders),
        deps.board(),
      ])
      const mayChange = may(administrator(request).role, 'operate')
      const isProxied = board.sources.some(({ flips }) => flips !== null)
      const list = table(captionOf(matching), columns(query, mayChange, isProxied), rows, emptyOf(query))
      const to = (cursor: Query) => withQuery(PATH, changed(query, cursor))
      const content = html`<h1>Migrations</h1>
      ${stateStrip(board.people.states, query.state)}
      <details class="card" data-narrow open><summary>Filter${filtersOf(query)}</summary>${filterForm(query, providers, board.needs, isProxied)}</details>
      <section class="card list">
        ${mayChange && rows.length > 0 ? bulkForm(query, matching, reply.generateCsrf(), list, isProxied) : list}
        ${pager('More migrations', ['First', 'Previous', 'Next'], { before, after }, to)}
        <p class="faint">As of ${when(new Date(), 'time')}.</p>
      </section>`
      return show(request, reply, { title: 'Migrations' }, content)
    },
  )
}

/** How many of them are in force. */
function filtersOf(query: Query): string {
  const number = Object.values(filterOf(query)).filter((text) => text?.trim()).length
  return number === 0 ? '' : ` (${number})`
}

function filterForm(query: Query, all: readonly Provider[], needs: Board['needs'], isProxied: boolean): Piece {
  const providers = all.map(({ name }) => name)
  const any = ['', 'any'] as const
  const choices = (names: readonly string[]) => [any, ...names.map((name) => [name, name] as const)]
  return html`<form class="filters" method="get" action=${PATH} role="search">
    ${textField({ name: 'search', label: 'Address or old user name', type: 'search', value: query.search ?? '' })}
    ${choiceField({ name: 'state', label: 'State', value: query.state, choices: choices(STATES) })}
    ${choiceField({ name: 'finish_requested', label: 'Finish requested', value: query.finish_requested, choices: choices(['yes', 'no']) })}
    ${choiceField({ name: 'never_came', label: 'Signed in yet', value: query.never_came, choices: [any, ['yes', 'not yet'], ['no', 'yes']] })}
    ${isProxied && choiceField({ name: 'route', label: 'Route', value: query.route, choices: choices(ROUTES) })}
    ${isProxied && choiceField({ name: 'flip_requested', label: 'Flip requested', value: query.flip_requested, choices: choices(['yes', 'no']) })}
    ${choiceField({ name: 'provider', label: 'Provider', value: query.provider, choices: choices(providers) })}
    ${textField({ name: 'domain', label: 'Domain', value: query.domain ?? '' })}
    ${choiceField({ name: 'code', label: 'What stops them', value: query.code, choices: [any, ...codes(query, needs)] })}
    ${hidden({ sort: query.sort, descending: query.descending })}
    <button class="main">Show</button>
    <a href=${PATH}>All</a>
  </form>`
}

/** Each with how many people it stops; also one that stops nobody any more. */
function codes({ code = '' }: Query, needs: Board['needs']): (readonly [string, string])[] {
  const known = needs
    .filter(({ isCode }) => isCode)
    .map((need) => [need.code, `${need.code} (${count(need.people)})`] as const)
  return code.trim() === '' || known.some(([name]) => name === code) ? known : [...known, [code, code] as const]
}

function columns(query: Query, mayChange: boolean, isProxied: boolean): Column<ListedMigration>[] {
  const head = (sort: MigrationSort, title: string) => ({
    head: sortLink(query, sort, title),
    sorted: orderBy(query, sort),
  })
  return [
    ...(mayChange ? [checkColumn()] : []),
    { ...head('address', 'Address'), isName: true, cell: whoOf },
    { ...head('state', 'State'), cell: stateOf },
    { ...number<ListedMigration>('Rate', rateOf), isExtra: true },
    { head: 'Last attempt', isExtra: true, cell: lastOf },
    { head: 'Next attempt', isExtra: true, cell: nextOf },
    { ...head('provider', 'Old server'), isExtra: true, cell: ({ provider }) => provider },
    ...(isProxied ? [{ head: 'Route', isExtra: true, cell: routeOf }] : []),
    { ...head('changed_at', 'Changed'), isExtra: true, cell: ({ changedAt }) => when(changedAt, 'relative') },
  ]
}

function whoOf({ address, oldUsername }: ListedMigration): Content {
  const name = oldUsername !== address && html`<br /><span class="faint">${oldUsername}</span>`
  return html`<a href=${migrationPath(address)}>${address}</a>${name}`
}

function stateOf(migration: ListedMigration): Content {
  return html`${stateBadge(migration)}${migration.isFinishRequested && html` ${badge('finish requested', 'info')}`}`
}

function lastOf({ latest }: ListedMigration): Content {
  if (latest === null) return '–'
  if (latest.isRunning) return html`${badge('copying', 'info')} ${count(latest.messages)} messages`
  if (latest.outcome === null) return '–'
  return latest.outcome === 'complete' ? 'complete' : html`<code class="bad">${latest.outcome}</code>`
}

/** Of who is copied at this moment. */
function rateOf({ latest }: ListedMigration): Content {
  if (latest === null || latest.startedAt === null || !latest.isRunning) return ''
  const seconds = Math.max(1, (Date.now() - latest.startedAt.getTime()) / 1000)
  return `${count(Math.round(latest.messages / seconds))}/s`
}

function routeOf(migration: ListedMigration): Content {
  const { route, isFlipRequested } = migration
  return html`${route}${isReady(migration) && html` ${badge('ready', 'good')}`}${isFlipRequested && html` ${badge('flip requested', 'info')}`}`
}

function nextOf({ latest }: ListedMigration): Content {
  if (latest === null || latest.isRunning || latest.dueAt === null) return '–'
  return latest.dueAt.getTime() <= Date.now() ? 'due' : when(latest.dueAt, 'relative')
}

function checkColumn(): Column<ListedMigration> {
  return {
    head: html`<input type="checkbox" data-checks="address" aria-label="Select all on this page" />`,
    cell: ({ address }) => html`<input type="checkbox" name="address" value=${address} aria-label=${address} />`,
  }
}

const ARROWS = { ascending: ' ↑', descending: ' ↓' }

/** In which order the list is by a column; undefined: it is sorted by another. */
function orderBy(query: Query, sort: MigrationSort): keyof typeof ARROWS | undefined {
  if ((query.sort ?? 'address') !== sort) return undefined
  return query.descending === 'yes' ? 'descending' : 'ascending'
}

/** Sorts by a column; the column that sorts already, the other way round. */
function sortLink(query: Query, sort: MigrationSort, title: string): Piece {
  const order = orderBy(query, sort)
  const descending = order === 'ascending' ? 'yes' : undefined
  const arrow = order === undefined ? '' : ARROWS[order]
  return html`<a href=${withQuery(PATH, changed(query, { sort, descending }))}>${title}${arrow}</a>`
}

function bulkForm(query: Query, matching: number, csrf: string, list: Piece, isProxied: boolean): Piece {
  const actions = ACTIONS.filter(({ isOfProxied = false }) => isProxied || !isOfProxied)
  return form(
    `${PATH}/bulk`,
    csrf,
    html`${list} ${hidden(filterOf(query))}
      <div class="buttons bulk" data-selection="address">
        ${choiceField({ name: 'action', label: 'What to do', choices: actions.map(({ name, title }) => [name, title] as const) })}
        <button name="whom" value="checked">With the selected ones…</button>
        <span class="faint" data-selected aria-live="polite"></span>
        <button type="button" class="link" data-unselect hidden>Select nobody</button>
        <button name="whom" value="all">With all ${count(matching)} that match…</button>
      </div>
      <p class="faint">The next page shows what would change; nothing is changed before you confirm.</p>`,
  )
}

function captionOf(matching: number): string {
  return countOf(matching, 'migration', 'migrations')
}

function emptyOf(query: Query): Content {
  return Object.values(filterOf(query)).some((text) => text?.trim())
    ? html`No migration matches. <a href=${PATH}>Show all</a>`
    : html`No migrations yet: they appear at the first sign-in, or <a href="/admin/import">import users</a>.`
}

/** The same list from its beginning, with something else about it. */
function changed({ after, before, ...query }: Query, change: Query): Query {
  return { ...query, ...change }
}
