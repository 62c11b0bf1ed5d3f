import { InvalidField } from '../../operations/mistakes.ts'

/** Fields of a question that cannot be used, each with a sentence that says what it must be. */
export class WrongFields extends Error {
  readonly fields: Readonly<Record<string, string>>

  constructor(fields: Readonly<Record<string, string>>) {
    super('some fields cannot be used')
    this.fields = fields
  }
}

/** @throws WrongFields when the provider that is named is not there */
export function refuseNoProvider(isThere: boolean, name: string | undefined): void {
  if (!isThere) throw new WrongFields({ provider: `There is no provider ${name}.` })
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

/** Reads several, and tells what is wrong with all of them. @throws WrongFields */
export function readingAll<R extends Readonly<Record<string, () => unknown>>>(
  readers: R,
): { [Name in keyof R]: ReturnType<R[Name]> } {
  const wrong: Record<string, string> = {}
  const read = Object.entries(readers).map(([name, reader]) => {
    try {
      return [name, reader()]
    } catch (error) {
      if (!(error instanceof WrongFields)) throw error
      Object.assign(wrong, error.fields)
      return [name, undefined]
    }
  })
  if (Object.keys(wrong).length > 0) throw new WrongFields(wrong)
  return Object.fromEntries(read)
}
