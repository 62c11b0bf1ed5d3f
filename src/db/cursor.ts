import type { Page, PageRequest } from '../operations/ports.ts'

/** From which cursor on a list is read, and in which direction; null: from its end. */
export interface Reach {
  readonly from: string | null
  readonly isBackwards: boolean
  readonly limit: number
}

/** Reads one page of a list, each row with its cursor, and whether there are more on either side. */
export async function readPage<Row extends { readonly cursor: string }>(
  { limit, after, before }: PageRequest,
  read: (reach: Reach) => Promise<Row[]>,
): Promise<Page<Row>> {
  const isBackwards = before !== undefined
  const from = before ?? after ?? null
  const found = await read({ from, isBackwards, limit: limit + 1 })
  const rows = found.slice(0, limit)
  const edge = rows[0]
  const isMoreBehind =
    from !== null &&
    edge !== undefined &&
    (await read({ from: edge.cursor, isBackwards: !isBackwards, limit: 1 })).length > 0
  const isMoreAhead = found.length > limit
  if (isBackwards) rows.reverse()
  const [isMoreBefore, isMoreAfter] = isBackwards ? [isMoreAhead, isMoreBehind] : [isMoreBehind, isMoreAhead]
  return {
    rows,
    before: isMoreBefore ? (rows[0]?.cursor ?? null) : null,
    after: isMoreAfter ? (rows.at(-1)?.cursor ?? null) : null,
  }
}
