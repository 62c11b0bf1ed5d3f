import { randomBytes } from 'node:crypto'
import type { TotpSealer } from '../keys/ports.ts'

/** A new secret of one-time codes, and what an authenticator reads it from: to be shown once. */
export interface NewTotp {
  readonly sealed: Uint8Array
  readonly uri: string
}

// What every authenticator understands (RFC 6238).
const FORM = { algorithm: 'SHA1', digits: 6, period: 30 }
/** As long as SHA-1 makes it (RFC 4226, section 4). */
const SECRET_BYTES = 20
/** A clock may be off by one time step. */
const WINDOW = 1

export async function newTotp(name: string, sealer: TotpSealer): Promise<NewTotp> {
  const bytes = randomBytes(SECRET_BYTES)
  const { TOTP, secret } = await withSecret(bytes)
  const uri = new TOTP({ ...FORM, issuer: 'postferry', label: name, secret }).toString()
  return { sealed: sealer.seal(name, bytes), uri }
}

/** The time step that a code belongs to; null when it is wrong at this time. */
export async function totpStep(bytes: Uint8Array, code: string, at: Date): Promise<number | null> {
  // The library throws on six characters of more bytes.
  if (!/^\d{6}$/.test(code)) return null
  const { TOTP, secret } = await withSecret(bytes)
  const now = { ...FORM, timestamp: at.getTime() }
  const delta = TOTP.validate({ ...now, token: code, secret, window: WINDOW })
  return delta === null ? null : TOTP.counter(now) + delta
}

/** Loaded here: hardly a command needs it. */
async function withSecret(bytes: Uint8Array) {
  const { Secret, TOTP } = await import('otpauth')
  return { TOTP, secret: new Secret({ buffer: Uint8Array.from(bytes).buffer }) }
}
