import { within } from '../model/timeout.ts'
import type { Code } from '../model/verdict.ts'
import { HashQueueFull } from './hash-pool.ts'

/** How long one look at the database may take, and how long the writing of a capture. */
export const DATABASE_LIMIT_MS = 4_000

/** Something outside of the question failed, and `code` says what. */
export class Trouble extends Error {
  readonly code: Code

  constructor(code: Code, cause: unknown) {
    super(code, { cause })
    this.code = code
  }
}

/** The account is not any more what the sign-in was decided by: it is to be decided anew. */
export class Changed extends Trouble {
  constructor() {
    super('database', new Error('the account changed meanwhile'))
  }
}

export function codeOf(cause: unknown): Code {
  return cause instanceof HashQueueFull ? 'throttled' : 'internal'
}

export async function during<T>(code: Code, work: Promise<T>): Promise<T> {
  try {
    return await within(DATABASE_LIMIT_MS, work)
  } catch (cause) {
    throw new Trouble(code, cause)
  }
}
