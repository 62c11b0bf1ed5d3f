import { type Static, Type } from 'typebox'
import { STATES } from '../../../model/migration.ts'
import type { MigrationFilter } from '../../../policy/records.ts'
import { code, domain, search } from '../../fields.ts'
import type { House } from '../../house.ts'
import { Missing } from '../../mistakes.ts'
import { readingAny } from './wrong.ts'

const said = (description: string) => Type.Optional(Type.String({ description }))

/** Which migrations a question may be about. */
export const FILTER = {
  state: Type.Optional(Type.Enum(STATES)),
  provider: said('From this provider'),
  domain: said('From this domain of the old server'),
  code: said('Failed or not proved, with this code'),
  search: said('With this in the address or the old user name'),
  closing: Type.Optional(Type.Boolean({ description: 'To be finished by mailferry sync, or not' })),
  never_came: Type.Optional(Type.Boolean({ description: 'Still expected, and not signed in yet' })),
}
const Filter = Type.Object(FILTER)

/** @throws WrongFields, and Missing when it names a provider that is not there */
export async function filterIn(said: Static<typeof Filter>, { providers }: House): Promise<MigrationFilter> {
  const { state, provider, closing, never_came: neverCame } = said
  if (provider !== undefined && (await providers.find(provider)) === null) {
    throw new Missing(`there is no provider ${provider}`)
  }
  const read = {
    domain: readingAny('domain', domain, said.domain),
    code: readingAny('code', code, said.code),
    search: readingAny('search', search, said.search),
  }
  const all = { state, provider, closing, neverCame, ...read }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
