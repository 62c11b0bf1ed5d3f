import type { FastifyInstance } from 'fastify'
import { countOf, people } from '../../model/count.ts'
import type { Board } from '../../operations/board.ts'
import type { PanelDeps } from './deps.ts'
import { html, type Piece } from './html.ts'
import { live, sendPiece } from './live.ts'

const PATH = '/admin/alarm'
const ALARM_S = 10
const SHORT_DAYS = 14

/** What everybody has to know wherever they are in the panel; nothing while all is well. */
export function alarmPiece({ verdict, sources, people: { stopped } }: Board): Piece {
  const certificates = sources.flatMap(({ provider, daysLeft }) =>
    daysLeft !== null && daysLeft < SHORT_DAYS
      ? [`the certificate of ${provider} is valid for ${countOf(daysLeft, 'day', 'days')} more`]
      : [],
  )
  const stuck = stopped > 0 ? [`${people(stopped)} cannot go on before somebody acts`] : []
  const lines = [...verdict.why, ...certificates, ...stuck]
  if (lines.length === 0) return html`<div></div>`
  return html`<aside class="alarm" aria-label="What needs you"><ul>
    ${lines.map((line) => html`<li>${line}</li>`)}
  </ul><a href="/admin">See what to do</a></aside>`
}

/** On top of a page, where it renews itself. */
export function liveAlarm(piece: Piece): Piece {
  return live(PATH, ALARM_S, piece)
}

export async function alarms(app: FastifyInstance, { board }: PanelDeps): Promise<void> {
  app.get(PATH, async (_, reply) => sendPiece(reply, alarmPiece(await board())))
}
