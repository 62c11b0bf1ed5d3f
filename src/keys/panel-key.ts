import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { TotpSealer } from './ports.ts'

/** What a key is derived for; it opens nothing of another purpose. */
export type Purpose = 'totp' | 'session'

const KEY_BYTES = 32
const CIPHER = 'aes-256-gcm'
const [NONCE_BYTES, TAG_BYTES] = [12, 16]

/** A panel key as it is written, in base64 or hex; null: it is none. */
export function panelKeyIn(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64url') : null
}

/** A key of its own for a purpose (RFC 5869 with SHA-256): 32 bytes. */
export function derivedKey(panelKey: Uint8Array, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', panelKey, '', `postferry ${purpose}`, KEY_BYTES))
}

/**
 * Seals with AES-256-GCM: nonce, encrypted secret, tag; the name is authenticated with it.
 * @param panelKey called when something is sealed or opened: most processes need none
 */
export function totpSealer(panelKey: () => Uint8Array): TotpSealer {
  const key = () => derivedKey(panelKey(), 'totp')
  return {
    seal(name, secret) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, key(), nonce).setAAD(Buffer.from(name))
      return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    },
    open(name, sealed) {
      const [nonce, tag] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(-TAG_BYTES)]
      try {
        const decipher = createDecipheriv(CIPHER, key(), nonce, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(name)).setAuthTag(tag)
        return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
      } catch (cause) {
        throw new Error(`the TOTP secret of ${name} cannot be opened with this panel key`, { cause })
      }
    },
  }
}
