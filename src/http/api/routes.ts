import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Type } from '../../model/json-schema.ts'
import * as accounts from '../../operations/accounts.ts'
import * as aliases from '../../operations/aliases.ts'
import { listAudit } from '../../operations/audit.ts'
import { makeBoard } from '../../operations/board.ts'
import type { Deps } from '../../operations/deps.ts'
import * as domains from '../../operations/domains.ts'
import { finishMigration } from '../../operations/finish.ts'
import * as changes from '../../operations/migration-changes.ts'
import { setMigrationPassword } from '../../operations/migration-password.ts'
import { FILTER, listMigrations, showMigration } from '../../operations/migrations.ts'
import { testMx } from '../../operations/mx-test.ts'
import { listOnlyAtSource } from '../../operations/only-at-source.ts'
import { fieldsOf } from '../../operations/operation.ts'
import { stopFlips } from '../../operations/provider-flips.ts'
import { providerHealth } from '../../operations/provider-health.ts'
import { trySignIn } from '../../operations/provider-login-test.ts'
import { useMaster } from '../../operations/provider-master.ts'
import { testProvider } from '../../operations/provider-test.ts'
import * as providers from '../../operations/providers.ts'
import { makeReport } from '../../operations/report.ts'
import { exactly, Text } from '../../operations/schema.ts'
import { redacted } from '../../settings.ts'
import { API, propertiesOf, saidIn, serve } from './route.ts'

const Settings = Type.Record(Type.Union([Text, Type.Number()]))

/** Every operation of the API by its route, where `:name` is a field of it. */
export const routes: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, 'GET /board', makeBoard)
  serve(app, deps, 'GET /report', makeReport)
  serve(app, deps, 'GET /report/only-at-source', listOnlyAtSource)
  serve(app, deps, 'GET /health', providerHealth)
  serveSettings(app, deps)
  serve(app, deps, 'GET /providers', providers.listProviders)
  serve(app, deps, 'GET /providers/:name', providers.showProvider)
  serve(app, deps, 'POST /providers', providers.addProvider, { status: 201 })
  serve(app, deps, 'PATCH /providers/:name', providers.setProvider)
  serve(app, deps, 'DELETE /providers/:name', providers.removeProvider)
  serve(app, deps, 'POST /providers/:name/test', testProvider)
  serve(app, deps, 'POST /providers/:name/test-mx', testMx)
  serve(app, deps, 'POST /providers/:name/sign-in', trySignIn)
  serve(app, deps, 'POST /providers/:name/use-master', useMaster)
  serve(app, deps, 'POST /providers/:name/stop-flips', stopFlips)
  serve(app, deps, 'GET /domains', domains.listDomains)
  serve(app, deps, 'POST /domains', domains.addDomain, { status: 201 })
  serve(app, deps, 'DELETE /domains/:domain', domains.removeDomain)
  serve(app, deps, 'GET /accounts', accounts.listAccounts)
  serve(app, deps, 'GET /accounts/:address', accounts.showAccount)
  serve(app, deps, 'POST /accounts/:address/enable', accounts.enableAccount)
  serve(app, deps, 'POST /accounts/:address/disable', accounts.disableAccount)
  serve(app, deps, 'POST /accounts/:address/quota', accounts.setQuota)
  serve(app, deps, 'POST /accounts/:address/passwd', accounts.setPassword)
  serve(app, deps, 'GET /aliases', aliases.listAliases)
  serve(app, deps, 'POST /aliases', aliases.addAlias, { status: 201 })
  serve(app, deps, 'DELETE /aliases/:address', aliases.removeAlias)
  serve(app, deps, 'GET /migrations', listMigrations)
  serve(app, deps, 'GET /migrations/:address', showMigration)
  serve(app, deps, 'POST /migrations/:address/pause', changes.pauseMigration)
  serve(app, deps, 'POST /migrations/:address/resume', changes.resumeMigration)
  serve(app, deps, 'POST /migrations/:address/retry', changes.retryMigration)
  serve(app, deps, 'POST /migrations/:address/flip', changes.flipMigration)
  serve(app, deps, 'POST /migrations/:address/stop-flip', changes.stopMigrationFlip)
  serve(app, deps, 'POST /migrations/:address/leave-filters', changes.leaveMigrationFilters)
  serve(app, deps, 'POST /migrations/:address/return', changes.returnMigration)
  serve(app, deps, 'POST /migrations/:address/stop-return', changes.stopMigrationReturn)
  serve(app, deps, 'POST /migrations/:address/finish', finishMigration, { isAccepted: ({ proof }) => proof === null })
  serve(app, deps, 'POST /migrations/:address/set-password', setMigrationPassword)
  serveBulk(app, deps)
  serve(app, deps, 'GET /audit', listAudit)
}

function serveSettings(app: FastifyInstance, { settings }: Deps): void {
  const summary = 'The settings in force; of a secret only whether it is set'
  app.get('/settings', { schema: { summary, response: { 200: Settings } } }, async () => redacted(settings))
}

/** A filter says all who match, also an empty one: everybody. Without any nobody is meant. */
function serveBulk(app: FastifyInstance, { perform }: Deps): void {
  const { all, ...fields } = fieldsOf(changes.changeMigrations)
  const others = Object.entries(fields).filter(([name]) => !(name in FILTER))
  const filter = Type.Optional(exactly(propertiesOf(Object.entries(FILTER))))
  const { summary, answer } = changes.changeMigrations
  app.post<{ Body: { readonly filter?: object } }>(
    '/migrations/bulk',
    { schema: { summary, body: exactly({ ...propertiesOf(others), filter }), response: { 200: answer.schema } } },
    async ({ body: { filter, ...said } }) => {
      const whole = { ...said, ...filter, ...(filter && { all: true }) }
      return answer.row(await perform(changes.changeMigrations, saidIn(whole), API))
    },
  )
}
