import { type Static, Type } from 'typebox'
import { STATES } from '../../model/migration.ts'
import { code, domain, search } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import type { MigrationFilter } from '../../operations/ports.ts'
import { readingAll, readingAny, refuseNoProvider } from './wrong.ts'

const said = (description: string) => Type.Optional(Type.String({ description }))

/** Which migrations a question may be about. */
export const FILTER = {
  state: Type.Optional(Type.Enum(STATES)),
  provider: said('From this provider'),
  domain: said('From this domain of the old server'),
  code: said('Failed or not proved, with this code'),
  search: said('With this in the address or the old user name'),
  closing: Type.Optional(Type.Boolean({ description: 'To be finished by postferry sync, or not' })),
  never_came: Type.Optional(Type.Boolean({ description: 'Still expected, and not signed in yet' })),
}
const Filter = Type.Object(FILTER)

/** @throws Refused */
export async function filterIn(said: Static<typeof Filter>, { providers }: House): Promise<MigrationFilter> {
  const { state, provider, closing, never_came: neverCame } = said
  const isThere = provider === undefined || (await providers.find(provider)) !== null
  const read = readingAll({
    domain: () => readingAny('domain', domain, said.domain),
    code: () => readingAny('code', code, said.code),
    search: () => readingAny('search', search, said.search),
    provider: () => refuseNoProvider(isThere, provider),
  })
  const all = { ...read, state, provider, closing, neverCame }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
