import type { FastifyReply } from 'fastify'
import { html, type Piece, textOf } from './html.ts'

/**
 * A piece of a page that asks for itself again and again while somebody looks at it (`panel.js` keeps quiet what nobody
 * sees). Without a script it stays as it was.
 */
export function live(path: string, seconds: number, piece: Piece): Piece {
  return html`<div data-live hx-get=${path} hx-trigger="every ${seconds}s, seen" hx-swap="innerMorph">${piece}</div>`
}

/** Answers a page that asks for a piece of itself. */
export function sendPiece(reply: FastifyReply, piece: Piece): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(textOf(piece))
}
