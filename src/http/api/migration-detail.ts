import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Outcome } from '../../model/attempt.ts'
import type { Ledger } from '../../model/ledger.ts'
import { address } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { MigrationDetail } from '../../operations/migration-schemas.ts'
import { NEXT_STEPS } from '../../operations/next-steps.ts'
import { migrationOnNew, noMigration } from '../../operations/person.ts'
import {
  attemptRow,
  auditRow,
  credentialRow,
  differenceRow,
  ledgerSummary,
  migrationRow,
} from '../../operations/rows.ts'
import { exactly, the } from '../../operations/schema.ts'
import { reading } from './wrong.ts'

const ATTEMPTS_SHOWN = 10
const ENTRIES_SHOWN = 20
const DIFFERENCES_SHOWN = 100
const MOST_DIFFERENCES = 1_000

const Person = Type.Object({ address: Type.String({ description: 'The new or the old address' }) })
const Part = exactly({
  differences_from: Type.Optional(
    Type.Integer({ minimum: 0, default: 0, description: '`next` of the differences before' }),
  ),
  differences_limit: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_DIFFERENCES, default: DIFFERENCES_SHOWN })),
})

/** `/migrations/…`: everything about one person's move. */
export const migrationDetail: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.get(
    '/migrations/:address',
    {
      schema: {
        summary: 'Show everything about a migration: attempts, ledger, credential (not the password), last changes',
        ...{ params: Person, querystring: Part, response: { 200: the(MigrationDetail) } },
      },
    },
    async ({ params, query }) => {
      const name = await migrationOnNew(house, reading('address', address, params.address))
      const found = await house.migrations.find(name)
      if (found === null) throw noMigration(name)
      const ledger = await house.ledgers.find(found.id)
      return {
        ...migrationRow(found),
        remedy: NEXT_STEPS[found.code as Outcome] ?? null,
        ...credentialRow(await house.credentials.factsOf(name)),
        attempts: (await house.attempts.last(found.id, ATTEMPTS_SHOWN)).map(attemptRow),
        audit: (await house.audit.page({ filter: { subject: name }, limit: ENTRIES_SHOWN })).rows.map(auditRow),
        ledger: ledger && ledgerSummary(ledger),
        differences: differencesOf(ledger, query.differences_from ?? 0, query.differences_limit ?? DIFFERENCES_SHOWN),
      }
    },
  )
}

function differencesOf(ledger: Ledger | null, from: number, limit: number) {
  const all = ledger?.differences ?? []
  const end = from + limit
  return { rows: all.slice(from, end).map(differenceRow), next: end < all.length ? end : null }
}
