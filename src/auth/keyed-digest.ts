import { hash, randomBytes } from 'node:crypto'

/** Stands for a text, so that it need not be kept. */
export type Digest = (text: string) => string

/**
 * Digests under keys that only this process has and that die with it. Built as HMAC is (RFC 2104): a hash of a hash,
 * each with a key before it; Node's own Hmac takes twice as long, and every login waits for it.
 */
export function keyedDigest(): Digest {
  const [inner, outer] = [newKey(), newKey()]
  return (text) => sha256(outer + sha256(inner + text))
}

/** As long as a block of SHA-256. */
function newKey(): string {
  return randomBytes(48).toString('base64')
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64')
}
