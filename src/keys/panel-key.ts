import { hkdfSync } from 'node:crypto'

/** What is derived from the panel key; a key for one purpose opens nothing of another. */
export type Purpose = 'totp' | 'session'

const KEY_BYTES = 32

/** A panel key as it is written in settings and files, base64 or hex; null: it is none. */
export function panelKeyIn(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64url') : null
}

/** A key of its own for a purpose (RFC 5869 with SHA-256): 32 bytes. */
export function derivedKey(panelKey: Uint8Array, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', panelKey, '', `postferry ${purpose}`, KEY_BYTES))
}
