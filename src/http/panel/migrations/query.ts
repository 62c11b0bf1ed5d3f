import { type Static, Type } from 'typebox'
import { STATES } from '../../../model/migration.ts'
import { oneOf } from '../../../model/texts.ts'
import { code, domain, providerName, search } from '../../../operations/fields.ts'
import { MIGRATION_SORTS, type MigrationFilter, type MigrationPageRequest } from '../../../operations/ports.ts'
import { said } from '../query.ts'

const ROWS = 50

const word = (length: number) => Type.Optional(Type.String({ maxLength: length }))

/** What the list's address says of it; what is empty is not said. */
export const ListQuery = Type.Object({
  ...{ state: word(20), provider: word(64), domain: word(255), code: word(64), search: word(1000) },
  ...{ sort: word(20), descending: word(3), after: word(4096), before: word(4096) },
})
export type ListQuery = Static<typeof ListQuery>

/** The filter in it. @throws InvalidField: what means nothing must not stand for everybody */
export function filterIn(query: ListQuery): MigrationFilter {
  const all = {
    state: said('State', oneOf(STATES), query.state),
    provider: said('Provider', providerName, query.provider),
    domain: said('Domain', domain, query.domain),
    code: said('Code', code, query.code),
    search: said('Search', search, query.search),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** @throws InvalidField */
export function pageIn(query: ListQuery): MigrationPageRequest {
  return {
    filter: filterIn(query),
    sort: said('Sort', oneOf(MIGRATION_SORTS), query.sort) ?? 'address',
    descending: said('Descending', oneOf(['yes']), query.descending) !== undefined,
    limit: ROWS,
    ...(query.after ? { after: query.after } : query.before ? { before: query.before } : {}),
  }
}

/** The same list from its beginning, with something else about it. */
export function changed(
  query: ListQuery,
  change: { readonly [Name in keyof ListQuery]?: string | undefined },
): Record<string, string | undefined> {
  const { after, before, ...kept } = query
  return { ...kept, ...change }
}
