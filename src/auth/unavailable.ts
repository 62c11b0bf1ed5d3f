import { within } from '../model/timeout.ts'
import type { Code } from '../model/verdict.ts'
import type { Time } from '../source/ports.ts'
import { HashQueueFull } from './hasher.ts'

/** How long one query may take, and how long the writing of an account. */
export const DATABASE_LIMIT_MS = 4_000

/** How long a login may wait for a connection to the source: what is left of its answer's time. */
export function queueLimitMs({
  answerLimitMs,
  sourceLimitMs,
}: {
  answerLimitMs: number
  sourceLimitMs: number
}): number {
  return answerLimitMs - sourceLimitMs - DATABASE_LIMIT_MS
}

/** What a login needs cannot be had; `code` says what. */
export class Unavailable extends Error {
  readonly code: Code

  constructor(code: Code, cause: unknown) {
    super(code, { cause })
    this.code = code
  }
}

/** The account is not any more what the login was decided by: it has to be decided again. */
export class AccountChanged extends Unavailable {
  constructor() {
    super('database', new Error('the account changed meanwhile'))
  }
}

export function codeOf(cause: unknown): Code {
  return cause instanceof HashQueueFull ? 'throttled' : 'internal'
}

/** Waits for the database, but not for ever. @throws Unavailable */
export type FromDatabase = <T>(work: Promise<T>) => Promise<T>

export function fromDatabase(time: Time): FromDatabase {
  return async (work) => {
    try {
      return await time('database', () => within(DATABASE_LIMIT_MS, work))
    } catch (cause) {
      throw new Unavailable('database', cause)
    }
  }
}
