import { type TObject, Type } from 'typebox'
import type { PageRequest } from '../../../policy/records.ts'
import { listOf, orNull, the } from './schema.ts'

const USUAL = 100
const MOST = 1_000

/** What a question for a part of a long list may say. */
export const PAGE = {
  after: Type.Optional(Type.String({ description: '`next` of the page before; without, the first page' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST, default: USUAL, description: 'So many rows at most' }),
  ),
}

/** A part of a long list, and where the next one begins. */
export function pageOf<S extends TObject>(row: S) {
  return Type.Object({
    rows: listOf(the(row)),
    next: orNull(Type.String({ description: '`after` of the next page; null: this is the last one' })),
  })
}

/** @param name what the list is in the order of */
export async function pageFrom<T, R>(
  list: (page: PageRequest) => AsyncIterable<T>,
  { after, limit = USUAL }: { after?: string; limit?: number },
  row: (item: T) => R,
  name: (item: T) => string,
): Promise<{ rows: R[]; next: string | null }> {
  // One more tells whether there is another page.
  const items = await Array.fromAsync(list({ after, limit: limit + 1 }))
  const last = items.length > limit ? items[limit - 1] : undefined
  return { rows: items.slice(0, limit).map(row), next: last === undefined ? null : name(last) }
}
