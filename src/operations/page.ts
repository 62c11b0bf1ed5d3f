import { type ObjectSchema, Type } from '../model/json-schema.ts'
import { wholeNumber } from '../model/texts.ts'
import { type Answer, type InputOf, optional, text } from './operation.ts'
import type { Page, PageRequest } from './ports.ts'
import { listOf, orNull, the } from './schema.ts'

const ROWS = 100
const MOST_ROWS = 1_000

/** Which part of a long list is wanted; default: the first. */
export const PAGE = {
  after: optional(text(String, 'the next page: `after` of the one before')),
  before: optional(text(String, 'the page before: `before` of the next one')),
  limit: optional(
    text((said) => wholeNumber(said, MOST_ROWS), 'so many rows at most', {
      schema: Type.Integer({ minimum: 1, maximum: MOST_ROWS }),
      fallback: String(ROWS),
    }),
  ),
}

/** What the largest page is asked with. */
export const LARGEST_PAGE = { limit: String(MOST_ROWS) }

export function requestIn({ limit = ROWS, ...cursor }: InputOf<typeof PAGE>): PageRequest {
  return { ...cursor, limit }
}

/** A part of a long list, and where the ones beside it begin. */
export function pageAnswer<T>(component: ObjectSchema, row: (item: T) => unknown): Answer<Page<T>> {
  const cursor = orNull(Type.String({ description: 'To be asked with; null: there are no more rows on that side' }))
  return {
    schema: Type.Object({ rows: listOf(the(component)), before: cursor, after: cursor }),
    row: ({ rows, before, after }) => ({ rows: rows.map(row), before, after }),
  }
}
