import type { FastifyInstance } from 'fastify'
import { COLLISION_REMEDIES, type Collision, collisionText } from '../../operations/collisions.ts'
import { nextStep } from '../../operations/next-steps.ts'
import { type ProviderHealth, providerHealth } from '../../operations/provider-health.ts'
import {
  type DayCount,
  makeReport,
  outlook,
  type PeopleCount,
  type Report,
  total,
  warning,
} from '../../operations/report.ts'
import { burnDownChart } from './chart.ts'
import type { PanelDeps } from './deps.ts'
import { html, type Piece, textOf } from './html.ts'
import { memo } from './memo.ts'
import { noticeOf } from './page.ts'
import { badge, capitalised, number, providerPath, table, when, withQuery } from './parts.ts'
import { perform } from './perform.ts'
import { show } from './show.ts'

const DAY_COLUMNS = ['remaining', 'awaited', 'pending', 'synced', 'done', 'paused', 'failed'] as const

/** How far everybody is, and how the old servers are. */
export async function overview(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  const reported = memo(() => deps.perform(makeReport, {}, { actor: 'panel', role: 'viewer' }))

  app.get('/admin', async (request, reply) => {
    const report = await reported()
    const today = new Date().toISOString().slice(0, 10)
    return show(request, reply, { title: 'Overview' }, page(report, today))
  })

  app.get('/admin/events', async (request, reply) => {
    await deps.events.stream(request, reply, async () => live(await reported()))
    return reply
  })

  app.get('/admin/health', async (request, reply) => {
    const health = healthTable(await perform(request, deps, providerHealth))
    if (request.headers['hx-request'] === undefined) {
      return show(request, reply, { title: 'Old servers' }, html`<h1>Old servers</h1><div class="card">${health}</div>`)
    }
    return reply.type('text/html; charset=utf-8').send(textOf(health))
  })
}

function page(report: Report, today: string): Piece {
  return html`<h1>Overview</h1>
    <div hx-sse:connect="/admin/events" hx-swap="innerMorph">${live(report)}</div>
    ${report.people.length > 0 && details(report, today)}`
}

/** What changes before the eyes of whoever looks. */
function live(report: Report): Piece {
  return report.people.length === 0 ? nobodyYet() : counts(report)
}

function details(report: Report, today: string): Piece {
  return html`<section class="card">
      <h2>Burn-down</h2>
      ${burnDownChart(report.burnDown, today)}
      <details><summary>Show the numbers</summary>${dayTable(report)}</details>
    </section>
    <section class="card"><h2>What needs attention</h2>${failureTable(report)}</section>
    ${report.collisions.length > 0 && html`<section class="card"><h2>Collisions</h2>${collisionTable(report.collisions)}</section>`}
    <section class="card">
      <h2>Old servers</h2>
      <div hx-get="/admin/health" hx-trigger="load, every 60s"><p><a href="/admin/health">Ask them now</a></p></div>
    </section>
    <section class="card"><h2>By provider and domain</h2>${domainTable(report.people)}</section>`
}

function nobodyYet(): Piece {
  return html`<section class="card">
      <h2>No migrations yet</h2>
      <ol>
        <li><a href="/admin/new-provider">Add the old server</a>, and test the connection to it.</li>
        <li>Add the domains that it serves, on the same page.</li>
        <li>Migrations appear at the first sign-in to the new server, or <a href="/admin/import">import users</a> from a CSV file.</li>
      </ol>
    </section>`
}

const CARDS: readonly (readonly [keyof PeopleCount, string, string])[] = [
  ['awaited', 'awaited', '/admin/migrations?state=awaited'],
  ['captured', 'captured', '/admin/migrations?state=pending'],
  ['copying', 'copying now', ''],
  ['synced', 'synced', '/admin/migrations?state=synced'],
  ['done', 'done', '/admin/migrations?state=done'],
  ['paused', 'paused', '/admin/migrations?state=paused'],
  ['failed', 'failed', '/admin/migrations?state=failed'],
]

function counts(report: Report): Piece {
  const sum = total(report.people)
  const warned = warning(report)
  return html`<ul class="cards">
      ${CARDS.map(([name, title, path]) => {
        const content = html`<b>${sum[name].toLocaleString('en')}</b>${title}`
        return html`<li>${path === '' ? html`<span class=${name}>${content}</span>` : html`<a class=${name} href=${path}>${content}</a>`}</li>`
      })}
    </ul>
    <p>${sum.people.toLocaleString('en')} people: ${outlook(report)}.</p>
    ${warned && noticeOf({ kind: 'warn', text: `${capitalised(warned)}.` })}`
}

function dayTable({ burnDown }: Report): Piece {
  return table(
    'People at the end of each day',
    [{ head: 'Day', cell: ({ day }) => day }, ...DAY_COLUMNS.map((name) => number<DayCount>(name, (day) => day[name]))],
    burnDown.slice(-30).reverse(),
    'No figures yet.',
  )
}

function failureTable({ failures }: Report): Piece {
  return table(
    'Migrations that have failed, or whose ledger is not clean, by code',
    [
      {
        head: 'Code',
        cell: ({ code }) => html`<a href=${withQuery('/admin/migrations', { code })}><code>${code}</code></a>`,
      },
      number('People', ({ people }) => people),
      { head: 'What to do', cell: ({ code }) => nextStep(code) ?? '–' },
    ],
    failures,
    'Nothing: no migration has failed, and no ledger differs.',
  )
}

function collisionTable(collisions: readonly Collision[]): Piece {
  return table(
    'People who cannot sign in although their password is right',
    [
      { head: 'Who', cell: collisionText },
      { head: 'Last tried', cell: ({ at }) => when(at, 'relative') },
      { head: 'What to do', cell: ({ what }) => COLLISION_REMEDIES[what] },
    ],
    collisions,
    'None.',
  )
}

function healthTable(providers: readonly ProviderHealth[]): Piece {
  return table(
    'Each provider, seen from this host',
    [
      { head: 'Provider', cell: ({ provider }) => html`<a href=${providerPath(provider)}>${provider}</a>` },
      {
        head: 'Reachable',
        cell: ({ reachable, failedStep }) => (reachable ? badge('yes', 'good') : badge(`no: ${failedStep}`, 'bad')),
      },
      {
        head: 'Breaker',
        cell: ({ status }) =>
          status === null ? 'not used yet' : badge(status.breaker, status.breaker === 'closed' ? 'good' : 'bad'),
      },
      number('Latency', ({ latencyMs }) => (latencyMs === null ? '–' : `${Math.round(latencyMs)} ms`)),
      number('Connections', ({ status }) => (status === null ? '–' : `${status.running} (${status.waiting} waiting)`)),
      number('Certificate', ({ daysLeft }) => (daysLeft === null ? '–' : `${daysLeft} days left`)),
      { head: 'Asked', cell: ({ checkedAt }) => when(checkedAt, 'relative') },
    ],
    providers,
    html`No provider yet: <a href="/admin/new-provider">add the old server</a>.`,
  )
}

function domainTable(people: readonly PeopleCount[]): Piece {
  const filtered = (name: 'provider' | 'domain') => (row: PeopleCount) =>
    html`<a href=${withQuery('/admin/migrations', { [name]: row[name] })}>${row[name]}</a>`
  return table<PeopleCount>(
    'People by provider and domain',
    [
      { head: 'Provider', cell: filtered('provider') },
      { head: 'Domain', cell: filtered('domain') },
      number('People', (row) => row.people),
      number('Not signed in yet', (row) => row.neverCame),
      ...(['captured', 'synced', 'done', 'failed'] as const).map((name) => {
        return number<PeopleCount>(name, (row) => row[name])
      }),
    ],
    people,
    'No migrations yet.',
  )
}
