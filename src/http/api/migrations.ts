import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { pause, requestFinish, resume, retry } from '../../model/migration.ts'
import { Refused } from '../../model/refused.ts'
import { address, password } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { Finished, Migration } from '../../operations/migration-schemas.ts'
import { migrationOnNew, noMigration } from '../../operations/person.ts'
import { whyNotRenewed } from '../../operations/renew-credential.ts'
import { migrationRow } from '../../operations/rows.ts'
import { exactly, Text, the } from '../../operations/schema.ts'
import { tryLater } from '../auth/overload.ts'
import { by, Reason, ReasonBody } from './by.ts'
import { reading } from './wrong.ts'

const Person = Type.Object({ address: Type.String({ description: 'The new or the old address' }) })
const PasswordBody = exactly({ password: Text, reason: Reason })
const FinishBody = exactly({
  force: Type.Optional(Type.Boolean({ description: 'At once, without a last attempt and a clean ledger' })),
  reason: Reason,
})
const STEPS = [
  { verb: 'pause', step: pause, summary: 'Copy no mail until it is resumed' },
  { verb: 'resume', step: resume, summary: 'Go on where it was paused' },
  { verb: 'retry', step: retry, summary: 'Make the job due now, also after failures' },
]

/** `/migrations/…`: one person's move. */
export const migrations: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  const named = (typed: string) => migrationOnNew(house, reading('address', address, typed))

  for (const { verb, step, summary } of STEPS) {
    app.post(
      `/migrations/:address/${verb}`,
      { schema: { summary, params: Person, body: ReasonBody, response: { 200: the(Migration) } } },
      async ({ params, body }) => {
        const name = await named(params.address)
        const after = await house.migrations.take(name, step, { ...by(body.reason), action: `migration.${verb}` })
        if (after === null) throw noMigration(name)
        return migrationRow(after)
      },
    )
  }

  app.post(
    '/migrations/:address/finish',
    {
      schema: {
        summary: 'Let postferry sync make a last attempt, and erase the credential when its ledger is clean',
        ...{ params: Person, body: FinishBody, response: { 200: the(Finished), 202: the(Migration) } },
      },
    },
    async ({ params, body: { force = false, reason } }, reply) => {
      const name = await named(params.address)
      if (force) {
        const finished = await house.finish(name, true, by(reason))
        if (finished === null) throw noMigration(name)
        return { ...migrationRow(finished.migration), proof: finished.proof }
      }
      const closing = await house.migrations.take(name, requestFinish, {
        ...by(reason),
        action: 'migration.request-finish',
      })
      if (closing === null) throw noMigration(name)
      return await reply.code(202).send(migrationRow(closing))
    },
  )

  app.post(
    '/migrations/:address/set-password',
    {
      schema: {
        summary: 'Keep another password of the old server, which is asked about it',
        ...{ params: Person, body: PasswordBody, response: { 200: the(Migration) } },
      },
    },
    async ({ params, body }, reply) => {
      const name = await named(params.address)
      const answer = await house.renewCredential(name, reading('password', password, body.password), by(body.reason))
      if (answer.kind === 'trouble') return await tryLater(reply).send({ error: whyNotRenewed(answer) })
      if (answer.kind !== 'yes') throw new Refused('conflict', whyNotRenewed(answer))
      const migration = await house.migrations.find(name)
      if (migration === null) throw noMigration(name)
      return migrationRow(migration)
    },
  )
}
