import type { FastifyRequest } from 'fastify'
import { isRefused, Refused } from '../../model/refused.ts'

/** What a part of an address says; undefined: nothing. @throws Refused that names it */
export function said<T>(name: string, read: (text: string) => T, text = ''): T | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  try {
    return read(trimmed)
  } catch (error) {
    throw isRefused(error, 'invalid') ? new Refused('invalid', `${name}: ${error.message}`) : error
  }
}

/** Refuses an address that says what nobody asked for: a slip of the pen would show all rows. @throws Refused */
export async function refuseUnknown({ query, routeOptions }: FastifyRequest): Promise<void> {
  const { properties } = (routeOptions.schema?.querystring ?? {}) as { properties?: object }
  const unknown = Object.keys(query as object).find((name) => !(name in (properties ?? {})))
  if (unknown !== undefined) throw new Refused('invalid', `The list cannot be asked for “${unknown}”.`)
}
