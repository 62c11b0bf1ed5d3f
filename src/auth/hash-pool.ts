import { bulkhead } from 'cockatiel'
import type { Hasher } from './ports.ts'

const QUEUE_LENGTH = 1_000

/** More passwords wait to be hashed than can be. */
export class HashQueueFull extends Error {}

/** Hashes no more passwords at a time than there are cores to do it, and lets no endless queue grow. */
export function boundHasher({ hash, verify }: Hasher, cores: number): Hasher {
  const places = bulkhead(cores, QUEUE_LENGTH)
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (places.executionSlots + places.queueSlots === 0) throw new HashQueueFull('too many passwords to check')
    return await places.execute(work)
  }
  return {
    hash: (password) => inTurn(() => hash(password)),
    verify: (stored, password) => inTurn(() => verify(stored, password)),
  }
}
