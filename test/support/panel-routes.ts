import Fastify, { type RouteOptions } from 'fastify'
import { pino } from 'pino'
import type { PanelDeps } from '../../src/http/panel/deps.ts'
import { panel } from '../../src/http/panel/panel.ts'
import type { Permission, Role } from '../../src/model/administrator.ts'
import { OWNER } from './panel.ts'

/** What a route is for, and a question to it that has an effect where it is allowed. */
export interface Route {
  /** Null: also for who is not signed in. */
  readonly permission: Permission | null
  /** What who may ask gets. */
  readonly status: number
  /** The path, where it is not the pattern; each role has things of its own. */
  path?(role: Role): string
  fields?(role: Role): Readonly<Record<string, string>>
}

const seen = (status = 200, path?: Route['path']): Route => ({ permission: 'see', status, ...(path && { path }) })
const operated = (path?: Route['path'], fields?: Route['fields'], status = 303): Route => {
  return { permission: 'operate', status, ...(path && { path }), ...(fields && { fields }) }
}
const owned = (path?: Route['path'], fields?: Route['fields'], status = 303): Route => {
  return { ...operated(path, fields, status), permission: 'own' }
}
const person = (rest: string) => (role: Role) => `/admin/migrations/${role}@old.example${rest}`
const provider = (rest: string) => (role: Role) => `/admin/providers/of-${role}${rest}`
const one = (rest: string) => (role: Role) => `/admin/administrators/by-${role}${rest}`
const upload = (rest: string) => () => `/admin/import/00000000-0000-4000-8000-000000000000${rest}`
const SETTINGS = { host: 'localhost', tls: 'implicit', login_name: '%u', cutover: 'immediate', master_name: 'root' }
const wrong = () => ({ current: 'not the password', password: 'Another-password-4', code: '000000' })

/** Every route of the panel, in an order in which each can be asked with an effect. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET /admin/sign-in': { permission: null, status: 200 },
  'GET /admin': seen(),
  'GET /admin/': seen(301),
  'GET /admin/*': seen(404, () => '/admin/nowhere'),
  'GET /admin/board': seen(),
  'GET /admin/report': seen(),
  'GET /admin/migrations': seen(),
  'GET /admin/migrations/:address': seen(200, person('')),
  'GET /admin/migrations/:address/now': seen(200, person('/now')),
  'GET /admin/migrations/:address/actions': seen(200, person('/actions')),
  'GET /admin/migrations/:address/facts': seen(200, person('/facts')),
  'GET /admin/providers': seen(),
  'GET /admin/providers/:name': seen(200, () => '/admin/providers/old'),
  'GET /admin/audit': seen(),
  'GET /admin/aliases': seen(),
  'GET /admin/alarm': seen(),
  'GET /admin/find': seen(303),
  'GET /admin/account': seen(),
  'GET /admin/import': operated(undefined, undefined, 200),
  'GET /admin/migrations/:address/force': operated(person('/force'), undefined, 200),
  'GET /admin/new-provider': owned(undefined, undefined, 200),
  'GET /admin/administrators': owned(undefined, undefined, 200),
  'POST /admin/migrations/:address/retry': operated(person('/retry')),
  'POST /admin/migrations/:address/pause': operated(person('/pause')),
  'POST /admin/migrations/:address/resume': operated(person('/resume')),
  // Nobody was flipped.
  'POST /admin/migrations/:address/leave-filters': operated(person('/leave-filters'), () => ({}), 409),
  'POST /admin/migrations/:address/return': operated(person('/return'), () => ({ write_to_source: 'yes' }), 409),
  'POST /admin/migrations/:address/stop-return': operated(person('/stop-return'), undefined, 409),
  // They are on the new server.
  'POST /admin/migrations/:address/flip': operated(person('/flip'), undefined, 409),
  'POST /admin/migrations/:address/stop-flip': operated(person('/stop-flip'), undefined, 409),
  'POST /admin/migrations/:address/finish': operated(person('/finish')),
  'POST /admin/migrations/:address/set-password': operated(person('/set-password'), () => ({ password: 'old secret' })),
  'POST /admin/migrations/bulk': operated(undefined, bulk, 200),
  'POST /admin/migrations/bulk/confirm': operated(undefined, bulk),
  'POST /admin/migrations/:address/quota': owned(person('/quota'), () => ({ quota_bytes: '2G' })),
  'POST /admin/migrations/:address/disable': owned(person('/disable')),
  'POST /admin/migrations/:address/enable': owned(person('/enable')),
  'POST /admin/providers/:name/test': operated(() => '/admin/providers/old/test', undefined, 200),
  // It has no MX.
  'POST /admin/providers/:name/test-mx': operated(() => '/admin/providers/old/test-mx', undefined, 409),
  'POST /admin/providers/:name/sign-in': operated(
    () => '/admin/providers/old/sign-in',
    () => ({ username: 'viewer@old.example', password: 'old secret' }),
  ),
  'POST /admin/import': operated(undefined, () => ({ file: 'address\nnew@old.example\n' })),
  // Uploads are their owner's alone, whoever else may import.
  'GET /admin/import/:id': operated(upload(''), undefined, 404),
  'GET /admin/import/:id/progress': operated(upload('/progress'), undefined, 404),
  'POST /admin/import/:id/confirm': operated(upload('/confirm'), undefined, 404),
  'POST /admin/providers': owned(undefined, (role) => ({ name: `of-${role}`, ...SETTINGS })),
  'POST /admin/providers/:name': owned(provider(''), () => ({
    ...{ ...SETTINGS, host: '127.0.0.1', current: OWNER.password },
  })),
  'POST /admin/domains': owned(undefined, (role) => ({ domain: `${role}.example`, provider: `of-${role}` })),
  'POST /admin/domains/:domain/remove': owned((role) => `/admin/domains/${role}.example/remove`),
  'POST /admin/providers/:name/stop-flips': operated(() => '/admin/providers/old/stop-flips'),
  'POST /admin/providers/:name/use-master': owned(provider('/use-master'), () => ({ password: 'x' })),
  'POST /admin/providers/:name/remove': owned(provider('/remove')),
  'POST /admin/aliases': owned(undefined, (role) => ({
    ...{ address: `sales-${role}@old.example`, target: 'viewer@old.example' },
  })),
  'POST /admin/aliases/:address/remove': owned((role) => `/admin/aliases/sales-${role}@old.example/remove`),
  'POST /admin/administrators': owned(undefined, (role) => ({
    ...{ name: `by-${role}`, role: 'viewer', password: 'A-password-of-12' },
  })),
  'POST /admin/administrators/:name/password': owned(one('/password'), () => ({ password: 'A-password-of-13' })),
  'POST /admin/administrators/:name/role': owned(one('/role'), () => ({ role: 'operator' })),
  'POST /admin/administrators/:name/remove': owned(one('/remove')),
  // Who does not know the own password gets no further.
  'POST /admin/account/password': { ...seen(303), fields: wrong },
  'POST /admin/account/totp': { ...seen(303), fields: wrong },
  'POST /admin/account/totp/confirm': { ...seen(303), fields: wrong },
  'POST /admin/account/totp/remove': { ...seen(303), fields: wrong },
  'POST /admin/sign-in': { permission: null, status: 401, fields: () => ({ name: 'nobody', password: 'x' }) },
  'POST /admin/sign-out': { permission: null, status: 303 },
}

function bulk(role: Role): Record<string, string> {
  return { action: 'pause', whom: 'checked', address: `${role}@old.example`, reason: 'a test' }
}

/** The routes that the panel really has, without its files. */
export async function routesOfPanel(): Promise<string[]> {
  const routes = (await registered()).flatMap(({ method, url }) => [method].flat().map((one) => `${one} ${url}`))
  return routes.filter((route) => !/^HEAD |\/assets\//.test(route)).sort()
}

/** The fields of all forms of the panel, by their names and what is told of them. */
export async function fieldsOfPanel(): Promise<[string, { readonly format?: string }][]> {
  const bodies = (await registered()).map(({ schema }) => schema?.body as { properties?: object } | undefined)
  return bodies.flatMap((body) => Object.entries(body?.properties ?? {}))
}

async function registered(): Promise<RouteOptions[]> {
  const app = Fastify()
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  // Whoever only lists the routes asks nothing of the deps.
  app.register(panel, { deps: {} as PanelDeps, sessionKey: Buffer.alloc(32), log: pino({ level: 'silent' }) })
  await app.ready()
  await app.close()
  return routes
}
