import { createHmac, randomBytes } from 'node:crypto'

/** Names a person and a password together, so that neither has to be kept. */
export type Digest = (person: string, password: string) => string

/** Digests under a key that only this process has and that dies with it. */
export function keyedDigest(): Digest {
  const key = randomBytes(32)
  return (person, password) => createHmac('sha256', key).update(person).update('\0').update(password).digest('base64')
}
