import { encode } from 'uqr'
import { html, type Piece } from './html.ts'

/** A QR code (ISO/IEC 18004) of a text. */
export function qrCode(text: string): Piece {
  const { data, size } = encode(text, { border: 2 })
  const squares = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])))
  return html`<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code"><rect width=${size} height=${size} /><path d=${squares.join('')} /></svg>`
}
