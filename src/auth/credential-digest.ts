import { hash, randomBytes } from 'node:crypto'

/** Names a person and a password together, so that neither has to be kept. */
export type Digest = (person: string, password: string) => string

/**
 * Digests under keys that only this process has and that die with it. Built as HMAC is (RFC 2104): a hash of a hash,
 * each with a key before it; Node's own Hmac takes twice as long, and every sign-in waits for it.
 */
export function keyedDigest(): Digest {
  const [inner, outer] = [newKey(), newKey()]
  return (person, password) => sha256(outer + sha256(`${inner}${person}\0${password}`))
}

/** As long as a block of SHA-256. */
function newKey(): string {
  return randomBytes(48).toString('base64')
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64')
}
