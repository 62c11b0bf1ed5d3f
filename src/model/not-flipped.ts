import type { Outcome } from './attempt.ts'
import { errorText } from './redact.ts'

/** What went wrong, in words of ours: they may be shown. */
export class Told extends Error {
  /** What it makes of an attempt that it ends. */
  readonly outcome: Outcome

  constructor(message: string, outcome: Outcome = 'incomplete') {
    super(message)
    this.outcome = outcome
  }
}

/** Why a person was not flipped. */
export class NotFlipped extends Told {}

/** The source refuses something that a return wants of it: it answers. */
export class SourceRefuses extends NotFlipped {}

/** Why it went wrong, as it may be shown. */
export function reasonOf(error: unknown): string {
  return error instanceof Told ? error.message : errorText(error)
}
