import { errorText } from './redact.ts'

/** Why a person was not flipped, in words of ours: they may be shown. */
export class NotFlipped extends Error {}

/** The source refuses something that a return wants of it: it answers. */
export class SourceRefuses extends NotFlipped {}

/** Why it went wrong, as it may be shown. */
export function reasonOf(error: unknown): string {
  return error instanceof NotFlipped ? error.message : errorText(error)
}
