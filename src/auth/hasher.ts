import { hash, verify } from '@node-rs/argon2'
import { bulkhead } from 'cockatiel'
import type { Time } from '../source/ports.ts'
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

/** Hashing runs on the threads that also resolve host names: one of them stays free. */
const MOST_THREADS = 3
const QUEUE_LENGTH = 1_000

/** More passwords wait to be hashed than can be. */
export class HashQueueFull extends Error {}

/** Hashes no more passwords at a time than there are cores, and no endless queue of them. */
export function hashPool({ hash, verify }: Hasher, cores: number, time: Time): Hasher {
  const threads = bulkhead(Math.min(cores, MOST_THREADS), QUEUE_LENGTH)
  const queued = <T>(work: () => Promise<T>): Promise<T> =>
    time('hash', async () => {
      if (threads.executionSlots + threads.queueSlots === 0) throw new HashQueueFull('too many passwords to check')
      return await threads.execute(work)
    })
  return {
    hash: (password) => queued(() => hash(password)),
    verify: (stored, password) => queued(() => verify(stored, password)),
  }
}
