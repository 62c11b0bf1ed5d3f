import { type TObject, Type } from 'typebox'
import type { Page, PageRequest } from '../../operations/ports.ts'
import { listOf, orNull, the } from '../../operations/schema.ts'

const USUAL = 100
const MOST = 1_000

const Place = (description: string) => Type.Optional(Type.String({ description }))

/** Which part of a long list a question may be about; without a place, the first. */
export const PAGE = {
  after: Place('The next page: `after` of the one before'),
  before: Place('The page before: `before` of the next one'),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST, default: USUAL, description: 'So many rows at most' }),
  ),
}

/** A part of a long list, and where the next one begins. */
export function pageOf<S extends TObject>(row: S) {
  const place = orNull(Type.String({ description: 'To be asked with; null: there are no more rows on that side' }))
  return Type.Object({ rows: listOf(the(row)), before: place, after: place })
}

/** What is asked for, without what else the question says. */
export function pageIn({ after, before, limit = USUAL }: Partial<PageRequest>): PageRequest {
  return { after, before, limit }
}

export function pageRow<T, R>({ rows, before, after }: Page<T>, row: (item: T) => R) {
  return { rows: rows.map(row), before, after }
}
