import { hash, verify } from '@node-rs/argon2'
import type { Hasher } from './ports.ts'

// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
// Dovecot's scheme prefix: Dovecot itself can verify what is stored.
const SCHEME = '{ARGON2ID}'
// What nobody's password is compared with.
const NOBODY = '$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCAxNg$VPVIDvLqOSrPFdmbHlONj0jE0w9wdoMjut2rHEa5IOk'

/** Password hashes as argon2id in PHC format, off the event loop. */
export const argon2id: Hasher = {
  async hash(password) {
    return SCHEME + (await hash(password, COST))
  },
  async verify(stored, password) {
    const right = await verify(stored?.slice(SCHEME.length) ?? NOBODY, password)
    return right && stored !== null
  },
}
