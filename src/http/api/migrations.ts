import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Type } from '../../model/json-schema.ts'
import type { Deps } from '../../operations/deps.ts'
import { finishMigration } from '../../operations/finish.ts'
import {
  changeMigrations,
  pauseMigration,
  resumeMigration,
  retryMigration,
} from '../../operations/migration-changes.ts'
import { setMigrationPassword } from '../../operations/migration-password.ts'
import { FILTER, listMigrations, showMigration } from '../../operations/migrations.ts'
import { fieldsOf } from '../../operations/operation.ts'
import { exactly } from '../../operations/schema.ts'
import { API, propertiesOf, saidIn, serve } from './route.ts'

/** `/migrations`: people's moves. */
export const migrations: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  const one = '/migrations/:address'
  serve(app, deps, { method: 'GET', path: '/migrations' }, listMigrations)
  serve(app, deps, { method: 'GET', path: one }, showMigration)
  serve(app, deps, { method: 'POST', path: `${one}/pause` }, pauseMigration)
  serve(app, deps, { method: 'POST', path: `${one}/resume` }, resumeMigration)
  serve(app, deps, { method: 'POST', path: `${one}/retry` }, retryMigration)
  serve(
    app,
    deps,
    { method: 'POST', path: `${one}/finish`, isAccepted: ({ proof }) => proof === null },
    finishMigration,
  )
  serve(app, deps, { method: 'POST', path: `${one}/set-password` }, setMigrationPassword)
  serveBulk(app, deps)
}

/** A filter says all who match, also an empty one: everybody. Without any nobody is meant. */
function serveBulk(app: FastifyInstance, deps: Deps): void {
  const { all, ...fields } = fieldsOf(changeMigrations)
  const others = Object.entries(fields).filter(([name]) => !(name in FILTER))
  const filter = Type.Optional(exactly(propertiesOf(Object.entries(FILTER))))
  const { summary, answer } = changeMigrations
  app.post<{ Body: { readonly filter?: object } }>(
    '/migrations/bulk',
    { schema: { summary, body: exactly({ ...propertiesOf(others), filter }), response: { 200: answer.schema } } },
    async ({ body: { filter, ...said } }) => {
      const whole = { ...said, ...filter, ...(filter && { all: true }) }
      return answer.row(await deps.perform(changeMigrations, saidIn(whole), API))
    },
  )
}
