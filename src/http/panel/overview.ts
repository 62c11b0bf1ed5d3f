import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { may } from '../../model/administrator.ts'
import { count } from '../../model/count.ts'
import { type DayCount, makeReport, type PeopleCount, type Report, warning } from '../../operations/report.ts'
import { boardPiece } from './board.ts'
import { burnDownChart } from './chart.ts'
import type { PanelDeps } from './deps.ts'
import { html, type Piece } from './html.ts'
import { live, sendPiece } from './live.ts'
import { memo } from './memo.ts'
import { noticeOf } from './page.ts'
import { capitalised, number, table, withQuery } from './parts.ts'
import { administrator } from './session.ts'
import { show } from './show.ts'

const VIEWER = { actor: 'panel', role: 'viewer' } as const
const BOARD_S = 2
const REPORT_S = 30
const DAY_COLUMNS = ['remaining', 'awaited', 'pending', 'synced', 'done', 'paused', 'failed'] as const

/** How it goes at this moment, and below that how it went. One look at the database serves all who watch. */
export async function overview(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  const reported = memo(() => deps.perform(makeReport, {}, VIEWER))
  const board = async (request: FastifyRequest, reply: FastifyReply) => {
    const mayChange = may(administrator(request).role, 'operate')
    return boardPiece(await deps.board(), mayChange ? reply.generateCsrf() : null)
  }

  app.get('/admin', async (request, reply) => {
    const content = html`<h1 class="quiet">Overview</h1>
      ${live('/admin/board', BOARD_S, await board(request, reply))}
      ${live('/admin/report', REPORT_S, reportPiece(await reported()))}`
    return show(request, reply, { title: 'Overview' }, content)
  })

  app.get('/admin/board', async (request, reply) => sendPiece(reply, await board(request, reply)))
  app.get('/admin/report', async (_, reply) => sendPiece(reply, reportPiece(await reported())))
}

function reportPiece(report: Report): Piece {
  const warned = warning(report)
  return html`<div>${
    report.people.length > 0 &&
    html`${warned && noticeOf({ kind: 'warn', text: `${capitalised(warned)}.` })}
    <section class="card">
      <h2>By old server and domain</h2>
      ${domainTable(report.people)}
    </section>
    <section class="card">
      <h2>Burn-down</h2>
      ${burnDownChart(report.burnDown, new Date().toISOString().slice(0, 10))}
      <details><summary>Show the numbers</summary>${dayTable(report)}</details>
    </section>`
  }</div>`
}

function dayTable({ burnDown }: Report): Piece {
  return table(
    'People at the end of each day',
    [
      { head: 'Day', cell: ({ day }) => day },
      ...DAY_COLUMNS.map((name) => number<DayCount>(name, (day) => count(day[name]))),
    ],
    burnDown.slice(-30).reverse(),
    'No figures yet.',
  )
}

function domainTable(people: readonly PeopleCount[]): Piece {
  const filtered = (name: 'provider' | 'domain') => (row: PeopleCount) =>
    html`<a href=${withQuery('/admin/migrations', { [name]: row[name] })}>${row[name]}</a>`
  return table<PeopleCount>(
    'People by old server and domain',
    [
      { head: 'Old server', cell: filtered('provider') },
      { head: 'Domain', cell: filtered('domain') },
      number('People', (row) => count(row.people)),
      number('Not signed in yet', (row) => count(row.neverCame)),
      number('Not flipped yet', (row) => count(row.unflipped)),
      ...(['pending', 'synced', 'done', 'failed'] as const).map((name) => {
        return number<PeopleCount>(name, (row) => count(row[name]))
      }),
    ],
    people,
    'No migrations yet.',
  )
}
