import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { BULK_TRANSITIONS, type BulkAction, type Selection } from '../../operations/bulk.ts'
import { address } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { Migration } from '../../operations/migration-schemas.ts'
import { renaming } from '../../operations/person.ts'
import { MIGRATION_SORTS } from '../../operations/ports.ts'
import { migrationRow } from '../../operations/rows.ts'
import { Count, exactly, listOf, Text } from '../../operations/schema.ts'
import { by, Reason } from './by.ts'
import { FILTER, filterIn } from './migration-filter.ts'
import { PAGE, pageIn, pageOf, pageRow } from './paging.ts'
import { reading, wrongFields } from './wrong.ts'

const ADDRESSES = 1_000

const List = exactly({
  ...FILTER,
  sort: Type.Optional(Type.Enum(MIGRATION_SORTS)),
  descending: Type.Optional(Type.Boolean()),
  ...PAGE,
})
const BulkBody = exactly({
  action: Type.Enum(Object.keys(BULK_TRANSITIONS) as BulkAction[]),
  filter: Type.Optional(exactly(FILTER)),
  addresses: Type.Optional(Type.Array(Text, { maxItems: ADDRESSES })),
  dry_run: Type.Optional(Type.Boolean({ description: 'Only tell what would change' })),
  reason: Reason,
})
const State = Migration.properties.state
const Outcome = Type.Object({
  dry_run: Type.Boolean(),
  changed: listOf(Type.Object({ from: State, to: State, count: Count })),
  refused: listOf(Type.Object({ reason: Text, count: Count })),
})

/** `/migrations`: everybody's move. */
export const migrationList: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.get(
    '/migrations',
    {
      schema: {
        summary: 'List the migrations, or those that match',
        ...{ querystring: List, response: { 200: pageOf(Migration) } },
      },
    },
    async ({ query }) => {
      const { sort = 'address', descending = false } = query
      const filter = await filterIn(query, house)
      return pageRow(await house.migrations.page({ filter, sort, descending, ...pageIn(query) }), migrationRow)
    },
  )

  app.post(
    '/migrations/bulk',
    {
      schema: {
        summary: 'Take a step for all who match, or for all who are named; each as far as it is possible',
        ...{ body: BulkBody, response: { 200: Outcome } },
      },
    },
    async ({ body }) => {
      const { action, dry_run = false, reason } = body
      const selection = await selectionIn(body, house)
      const who = by(reason)
      const outcome = await (dry_run
        ? house.bulk.preview(action, selection)
        : house.bulk.carryOut(action, selection, who))
      return { dry_run, ...outcome }
    },
  )
}

/** Everybody is meant by an empty filter, and never by a missing one. @throws Refused */
async function selectionIn({ filter, addresses }: Static<typeof BulkBody>, house: House): Promise<Selection> {
  if (filter !== undefined && addresses === undefined) return { filter: await filterIn(filter, house) }
  if (filter !== undefined || addresses === undefined) {
    throw wrongFields({ filter: 'Say who: by a filter or by addresses, and not by both.' })
  }
  const rename = await renaming(house)
  return { addresses: addresses.map((typed) => rename(reading('addresses', address, typed))) }
}
