import type { Address } from '../model/address.ts'

/** An address, as it was asked for and without the detail of a sub-address. */
export interface AskedAddress {
  readonly typed: Address
  readonly person: Address
}

/** What is known here of an address. */
export interface Recipient {
  /** What the one who has an account under it, as new or as old address, is called on the destination. */
  readonly owner: string | null
  /** The alias that it means, as it is called on the destination. */
  readonly alias: { readonly address: string; readonly targets: readonly string[] } | null
  /** Whether a provider serves its domain: then the person may be at the source. */
  readonly served: 'with mx' | 'without mx' | null
}

/** Who is here, asked for many at once: the answers come in the order of the questions. */
export interface Directory {
  /** Whether these domains are ours. */
  domains(names: readonly string[]): Promise<readonly boolean[]>
  recipients(asked: readonly AskedAddress[]): Promise<readonly Recipient[]>
}

/** Questions under way at once: sign-ins need connections to the database, too. */
const AT_ONCE = 2
const MOST_TOGETHER = 500

/** Makes one question of all that are asked while earlier ones wait for their answer. */
export function together<K, V>(ask: (keys: readonly K[]) => Promise<readonly V[]>): (key: K) => Promise<V> {
  const waiting: { readonly key: K; resolve(value: V): void; reject(error: unknown): void }[] = []
  let running = 0

  async function next(): Promise<void> {
    if (running === AT_ONCE || waiting.length === 0) return
    const batch = waiting.splice(0, MOST_TOGETHER)
    running++
    try {
      const values = await ask(batch.map(({ key }) => key))
      for (const [at, { resolve }] of batch.entries()) resolve(values[at] as V)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    running--
    next()
  }

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      // What else was read at this moment goes along.
      queueMicrotask(next)
    })
}
