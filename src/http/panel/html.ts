import { html } from 'htm/preact'
import type { ComponentChildren, VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'

// Whatever stands in a template as a value is escaped, in text and in attributes alike; nothing goes around that.
export { html }

/** A piece of a page. */
export type Piece = VNode

/** Whatever may stand inside of an element. */
export type Content = ComponentChildren

/** The text of a piece. */
export function textOf(piece: Piece): string {
  return renderToString(piece)
}
