import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { TotpSealer } from '../operations/administrators.ts'
import { derivedKey } from './panel-key.ts'

const CIPHER = 'aes-256-gcm'
const [NONCE_BYTES, TAG_BYTES] = [12, 16]

/**
 * Seals with AES-256-GCM: nonce, encrypted secret, tag; the name is authenticated with it.
 * @param panelKey asked for when something is sealed or opened: most processes need none
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
