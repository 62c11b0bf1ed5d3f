import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifyPluginAsync, FastifySchemaCompiler, RouteOptions } from 'fastify'
import type { ObjectSchema } from '../../model/json-schema.ts'
import { BoardSchema } from '../../operations/board-row.ts'
import type { Deps } from '../../operations/deps.ts'
import * as migrationComponents from '../../operations/migration-schemas.ts'
import { ProgressSchema } from '../../operations/progress-row.ts'
import { Mistake, the } from '../../operations/schema.ts'
import * as components from '../../operations/schemas.ts'
import { requireToken } from '../token.ts'
import { databaseAway, explainErrors } from './errors.ts'
import { importing } from './import.ts'
import { routes } from './routes.ts'

export interface Admin {
  readonly deps: Deps
  /** What an administrator has to show, on the socket too. */
  readonly adminToken: string
}

const PREFIX = '/v1/admin'

/** The administrators' API: what the commands do, by the same code, in JSON. */
export const admin: FastifyPluginAsync<Admin> = async (app, { deps, adminToken }) => {
  app.addHook('onRequest', requireToken(adminToken, 'admin'))
  app.addHook('onRequest', async (_, reply) => void reply.header('cache-control', 'no-store'))
  app.addHook('preValidation', async (request, reply) => {
    // What may be said in a body may all be left out.
    if (request.body === undefined) request.body = {}
    const isReady = await deps.database.ready().then(
      () => true,
      () => false,
    )
    if (!isReady) return databaseAway(reply)
  })
  app.setValidatorCompiler(validatorOf)
  explainErrors(app)
  for (const component of [
    Mistake,
    BoardSchema,
    ProgressSchema,
    ...Object.values({ ...components, ...migrationComponents }),
  ]) {
    app.addSchema(component)
  }
  app.addHook('onRoute', describeRefusals)
  for (const room of [routes, importing]) await app.register(room, { prefix: PREFIX, deps })
}

/** All that a query says is text, which operations read. */
const validatorOf: FastifySchemaCompiler<ObjectSchema> = (part) => {
  const { properties } = part.schema
  const texts = Object.fromEntries(Object.keys(properties ?? {}).map((name) => [name, {}]))
  const isQuery = part.httpPart === 'querystring'
  return TypeBoxValidatorCompiler({ ...part, schema: isQuery ? { ...part.schema, properties: texts } : part.schema })
}

/** What every route may answer besides. */
function describeRefusals(route: RouteOptions): void {
  const ofBodies = route.schema?.body === undefined ? [] : [413, 415]
  const refusals = Object.fromEntries([400, 403, 404, 409, 503, ...ofBodies].map((status) => [status, the(Mistake)]))
  const response = { ...refusals, ...(route.schema?.response as object) }
  route.schema = { tags: ['admin'], security: [{ adminToken: [] }], ...route.schema, response }
}
