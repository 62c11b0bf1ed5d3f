import { type Static, Type } from 'typebox'
import { STATES } from '../../../../model/migration.ts'
import { MIGRATION_SORTS, type MigrationFilter, type MigrationPageRequest } from '../../../../policy/records.ts'

export const ROWS = 50

const word = (length: number) => Type.Optional(Type.String({ maxLength: length }))

/** What the list's address says of it; what is empty is not said. */
export const ListQuery = Type.Object({
  ...{ state: word(20), provider: word(64), domain: word(255), code: word(64), search: word(1000) },
  ...{ sort: word(20), descending: word(3), after: word(4096), before: word(4096) },
})
export type ListQuery = Static<typeof ListQuery>

/** The filter in it; words that mean nothing are left out. */
export function filterIn({ state, provider, domain, code, search }: ListQuery): MigrationFilter {
  const known = STATES.find((one) => one === state)
  return {
    ...(known && { state: known }),
    ...(provider && { provider }),
    ...(domain && { domain }),
    ...(code && { code }),
    ...(search && { search: search.normalize('NFC') }),
  }
}

export function pageIn(query: ListQuery): MigrationPageRequest {
  return {
    filter: filterIn(query),
    sort: MIGRATION_SORTS.find((one) => one === query.sort) ?? 'address',
    descending: query.descending === 'yes',
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
