import { InvalidField } from '../../mistakes.ts'

/** Fields of a question that cannot be used, each with a sentence that says what it must be. */
export class WrongFields extends Error {
  readonly fields: Readonly<Record<string, string>>

  constructor(fields: Readonly<Record<string, string>>) {
    super('some fields cannot be used')
    this.fields = fields
  }
}

/** Reads a field. @throws WrongFields */
export function reading<T>(field: string, read: (text: string) => T, text: string): T {
  try {
    return read(text)
  } catch (error) {
    throw error instanceof InvalidField ? new WrongFields({ [field]: error.message }) : error
  }
}

/** The same for a field that may be missing. */
export function readingAny<T>(field: string, read: (text: string) => T, text: string | undefined): T | undefined {
  return text === undefined ? undefined : reading(field, read, text)
}
