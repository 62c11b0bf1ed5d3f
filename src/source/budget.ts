import { Share } from './connection-share.ts'

/** What a connection to the source is for: who signs in or waits for an answer comes before copying. */
export const USES = ['sign-in', 'copying'] as const
export type Use = (typeof USES)[number]

/** What this process is told of a provider's connections. */
export interface Allotment {
  /** So many it may have from now on. Fewer than it keeps: it opens no more. */
  readonly may: number
  /** So many of those in use it has to end. */
  readonly excess: number
  /** So many there are for all processes together. */
  readonly most: number
}

/** The connections of each provider, shared by all processes. */
export interface Shares {
  /**
   * Says how many connections this process keeps and how many it has use for. What it keeps is its own until the lease
   * ends, which each claim renews. Throws when the others cannot be asked.
   */
  claim(provider: string, use: Use, keep: number, want: number): Promise<Allotment>
}

/** Leave to have one connection to the source, one after the other. Dispose when it is closed. */
export interface Seat extends Disposable {
  /** Aborted with an Interruption: the connection has to be closed. */
  readonly signal: AbortSignal
}

/** How long somebody waits for a seat. */
export interface Patience {
  /** 0: just long enough to ask. */
  readonly limitMs: number
  readonly signal?: AbortSignal
}

/** How the connections that this process has are used. */
export interface SeatsInUse {
  readonly provider: string
  readonly running: number
  readonly waiting: number
}

/** No connection to the source is made without a seat. */
export interface Budget {
  /** Null: there was none in time. Never throws. */
  take(provider: string, use: Use, patience: Patience): Promise<Seat | null>
}

/** The budget of this process. Dispose to give everything back. */
export function openBudget(shares: Shares): Budget & AsyncDisposable & { inUse(use: Use): SeatsInUse[] } {
  const known = new Map<string, { provider: string; use: Use; share: Share }>()

  function shareOf(provider: string, use: Use): Share {
    const key = `${use} ${provider}`
    const entry = known.get(key) ?? {
      ...{ provider, use },
      share: new Share((keep, want) => shares.claim(provider, use, keep, want)),
    }
    known.set(key, entry)
    return entry.share
  }

  return {
    take: (provider, use, patience) => shareOf(provider, use).take(patience),
    inUse: (wanted) =>
      [...known.values()]
        .filter(({ use }) => use === wanted)
        .map(({ provider, share }) => ({ provider, running: share.running, waiting: share.waiting })),
    async [Symbol.asyncDispose]() {
      await Promise.all([...known.values()].map(({ share }) => share.close()))
    },
  }
}
