import { isRefused, Refused } from '../../model/refused.ts'

/** What is wrong with the fields of a request, each with a sentence that says what it must be. */
export function wrongFields(fields: Readonly<Record<string, string>>): Refused {
  return new Refused('invalid', 'some fields cannot be used', fields)
}

/** @throws Refused when the provider that is named is not there */
export function refuseNoProvider(isThere: boolean, name: string | undefined): void {
  if (!isThere) throw wrongFields({ provider: `There is no provider ${name}.` })
}

/** Reads a field. @throws Refused */
export function reading<T>(field: string, read: (text: string) => T, text: string): T {
  try {
    return read(text)
  } catch (error) {
    throw isRefused(error, 'invalid') && error.fields === null ? wrongFields({ [field]: error.message }) : error
  }
}

/** The same for a field that may be missing. */
export function readingAny<T>(field: string, read: (text: string) => T, text: string | undefined): T | undefined {
  return text === undefined ? undefined : reading(field, read, text)
}

/** Reads several, and tells what is wrong with all of them. @throws Refused */
export function readingAll<R extends Readonly<Record<string, () => unknown>>>(
  readers: R,
): { [Name in keyof R]: ReturnType<R[Name]> } {
  const wrong: Record<string, string> = {}
  const read = Object.entries(readers).map(([name, reader]) => {
    try {
      return [name, reader()]
    } catch (error) {
      if (!isRefused(error, 'invalid')) throw error
      Object.assign(wrong, error.fields)
      return [name, undefined]
    }
  })
  if (Object.keys(wrong).length > 0) throw wrongFields(wrong)
  return Object.fromEntries(read)
}
