/**
 * Why something is not done: the request is wrong, names what is not there, or cannot be carried out as things are;
 * `rejected` by the old server.
 */
export type RefusedCode = 'invalid' | 'not-found' | 'forbidden' | 'conflict' | 'rejected' | 'unavailable'

/** A request that is not carried out; the message tells the person why, and what to do. */
export class Refused extends Error {
  readonly code: RefusedCode
  /** What each wrong field must be, by its name. */
  readonly fields: Readonly<Record<string, string>> | null

  constructor(code: RefusedCode, message: string, fields: Refused['fields'] = null) {
    super(message)
    this.code = code
    this.fields = fields
  }
}

export function isRefused(error: unknown, code: RefusedCode): error is Refused {
  return error instanceof Refused && error.code === code
}

/** The whole of it in words, with what each wrong field must be. */
export function sentenceOf({ message, fields }: Refused, nameOf = (name: string) => name): string {
  if (fields === null) return message
  return Object.entries(fields)
    .map(([name, flaw]) => `${nameOf(name)}: ${flaw}`)
    .join(' ')
}
