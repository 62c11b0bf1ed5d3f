import type { FastifyRequest } from 'fastify'
import { InvalidField } from '../../operations/mistakes.ts'

/** What a part of an address says; undefined: nothing. @throws InvalidField that names it */
export function said<T>(name: string, read: (text: string) => T, text = ''): T | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  try {
    return read(trimmed)
  } catch (error) {
    throw error instanceof InvalidField ? new InvalidField(`${name}: ${error.message}`) : error
  }
}

/** Refuses an address that says what nobody asked for: a slip of the pen would show all rows. @throws InvalidField */
export async function refuseUnknown({ query, routeOptions }: FastifyRequest): Promise<void> {
  const { properties } = (routeOptions.schema?.querystring ?? {}) as { properties?: object }
  const unknown = Object.keys(query as object).find((name) => !(name in (properties ?? {})))
  if (unknown !== undefined) throw new InvalidField(`The list cannot be asked for “${unknown}”.`)
}
