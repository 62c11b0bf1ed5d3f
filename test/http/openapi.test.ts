import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, RouteOptions } from 'fastify'
import t, { type Test } from 'tap'
import { admin } from '../../src/http/api/admin.ts'
import { loadSettings } from '../../src/settings.ts'
import { openService, type Service } from '../../src/wiring/service.ts'
import { scriptedListener } from './scripted-listener.ts'

type Operation = {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly Record<string, readonly string[]>[]
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: object
  readonly responses: Record<string, { readonly description?: string }>
}

const ADMIN_TOKEN = 'the-admin-token'
const AUTH_TOKEN = 'the-auth-token'
const dataDir = mkdtempSync(join(tmpdir(), 'postferry-openapi-'))
let deps: Service
t.before(async () => {
  deps = await openService(loadSettings({ POSTFERRY_DATA_DIR: dataDir }))
})
t.after(async () => {
  await deps[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true, force: true })
})

/** A whole listener, the routes that it has, and how it describes them. */
async function descriptionOf(authToken: string | null) {
  const app: FastifyInstance = scriptedListener({ authToken }).app
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  app.register(admin, { deps, adminToken: ADMIN_TOKEN })
  const { statusCode, body } = await app.inject({ url: '/openapi.json' })
  return { routes, statusCode, body, document: JSON.parse(body) }
}

function operationsOf(paths: Record<string, Record<string, Operation>>): [string, Operation][] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )
}

for (const authToken of [null, AUTH_TOKEN]) {
  const listener = authToken === null ? 'the socket' : 'TCP'
  t.test(`on ${listener} every route is described, and nothing else`, async (t) => {
    const { routes, statusCode, document } = await descriptionOf(authToken)
    t.equal(statusCode, 200, 'nobody has to show a token')
    const made = routes
      .flatMap(({ method, url }) => [method].flat().map((one) => `${one} ${url.replace(/:(\w+)/g, '{$1}')}`))
      .filter((route) => !route.startsWith('HEAD '))
    const described = operationsOf(document.paths)
    t.same(described.map(([route]) => route).sort(), made.sort())
    t.ok(made.includes('POST /v1/passdb') && made.includes('POST /v1/admin/import'))
    for (const [route, operation] of described) checkOperation(t, route, operation, document)
  })
}

function checkOperation(t: Test, route: string, operation: Operation, document: { components: object }): void {
  t.ok(operation.summary, `${route} says what it does`)
  const statuses = Object.keys(operation.responses)
  t.ok(
    statuses.some((status) => status.startsWith('2')),
    `${route} describes its answer`,
  )
  if (/\/v1\//.test(route)) {
    const besides = [403, 503, ...(operation.requestBody === undefined ? [] : [400, 413, 415])]
    for (const status of besides) t.ok(statuses.includes(`${status}`), `${route} says that it may answer ${status}`)
  }
  const declared = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name)
  t.same(declared, route.match(/(?<={)\w+/g) ?? [], `${route} describes its parameters`)
  const schemes = (operation.security ?? []).flatMap(Object.keys)
  t.match(document.components, { securitySchemes: Object.fromEntries(schemes.map((name) => [name, { type: 'http' }])) })
  const expected = /\/v1\/admin\//.test(route)
    ? ['adminToken']
    : /\/v1\/(passdb|userdb|delivery)/.test(route)
      ? ['authToken']
      : []
  t.same(schemes, expected, `${route} says which token it wants`)
}

t.test('everything that is referred to is there, and no secret is in it', async (t) => {
  const { body, document } = await descriptionOf(AUTH_TOKEN)
  t.equal(document.openapi, '3.1.0')
  const references: string[] = body.match(/(?<="\$ref":"#\/components\/schemas\/)[^"]+/g) ?? []
  const referred = new Set(references)
  t.ok(referred.size > 10)
  for (const name of referred) t.ok(document.components.schemas[name], name)
  t.notMatch(body, /"\$ref":"(?!#\/components\/schemas\/)/)
  for (const secret of [ADMIN_TOKEN, AUTH_TOKEN, dataDir]) t.notMatch(body, secret)
})

t.end()
