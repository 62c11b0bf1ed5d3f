import { Share } from './connection-share.ts'

/** What a connection to the source is for. Sign-ins come before copying. */
export const USES = ['sign-in', 'copying'] as const
export type Use = (typeof USES)[number]

/** What the database grants this process of a provider's connections. */
export interface Allotment {
  /** How many it may have from now on. Fewer than it keeps: it opens no more. */
  readonly may: number
  /** How many of those in use it has to close. */
  readonly excess: number
  /** How many there are for all processes together. */
  readonly most: number
}

/** The connections of each provider, shared by all processes. */
export interface Shares {
  /**
   * Says how many connections this process keeps and how many it wants. What it keeps is its own until the lease ends,
   * which each claim renews. Throws when the database cannot be asked.
   */
  claim(provider: string, use: Use, keep: number, want: number): Promise<Allotment>
}

/** Why a connection has to be closed: others need it, or this process lost its lease. */
export type Withdrawal = 'stopped' | 'lost-lock'

/** The right to one connection to the source at a time. Dispose when that is closed. */
export interface Connection extends Disposable {
  /** Aborted with a Withdrawal. */
  readonly signal: AbortSignal
}

/** How long somebody waits for a connection. */
export interface Patience {
  /** 0: for one answer of the database. */
  readonly limitMs: number
  readonly signal?: AbortSignal
}

/** How this process uses the connections that it has. */
export interface ConnectionsInUse {
  readonly provider: string
  readonly running: number
  readonly waiting: number
}

/** No connection to the source is opened without one of these. */
export interface Budget {
  /**
   * Null: there was none in time.
   * @throws what the database said, where it could not be asked meanwhile; never for who waits for one answer only
   */
  take(provider: string, use: Use, patience: Patience): Promise<Connection | null>
}

/** This process's part of the budget. Dispose to give everything back. */
export function openBudget(shares: Shares): Budget & AsyncDisposable & { inUse(use: Use): ConnectionsInUse[] } {
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
