import t, { type Test } from 'tap'
import { may, ROLES, type Role } from '../../src/model/administrator.ts'
import { startFerry } from '../support/ferry.ts'
import { addAdministrators, OPERATOR, OWNER, type Person, VIEWER } from '../support/panel.ts'
import { fieldsOfPanel, ROUTES, type Route, routesOfPanel } from '../support/panel-routes.ts'
import { query } from '../support/query.ts'
import { type Reply, Visitor } from '../support/visitor.ts'

const PASSWORD = 'old secret'
const PEOPLE: Readonly<Record<Role, Person>> = { viewer: VIEWER, operator: OPERATOR, owner: OWNER }
const TABLES = ['migration', 'account', 'credential', 'provider', 'domain', 'audit', 'administrator']

const ferry = await startFerry(Object.fromEntries(ROLES.map((role) => [`${role}@old.example`, PASSWORD])))
t.teardown(() => ferry[Symbol.asyncDispose]())
const { service } = ferry
await addAdministrators(service, VIEWER, OPERATOR, OWNER)
for (const role of ROLES) await service.passdb(`${role}@old.example`, PASSWORD)
const visitors = Object.fromEntries(
  await Promise.all(ROLES.map(async (role) => [role, await Visitor.signedIn(service.url, PEOPLE[role])] as const)),
) as Record<Role, Visitor>
const all = Object.entries(ROUTES)
const changing = all.filter(([name, { permission }]) => name.startsWith('POST ') && permission !== null)

t.test('every route of the panel is known here', async (t) => {
  t.same(await routesOfPanel(), Object.keys(ROUTES).sort())
})

t.test('a password says that it is one, in every form: so it is not kept when it comes too late', async (t) => {
  const passwords = (await fieldsOfPanel()).filter(([name]) => name === 'password' || name === 'current')
  t.ok(passwords.length > 7)
  for (const [name, { format }] of passwords) t.equal(format, 'password', name)
})

t.test('who is not signed in is sent to sign in, whatever it is, and changes nothing', async (t) => {
  const before = await everything()
  for (const [name, route] of all) {
    const nobody = new Visitor(service.url)
    const reply = await ask(nobody, name, route, 'owner')
    const [, path] = target(name, route, 'owner')
    if (route.permission === null) t.equal(reply.status, route.status, name)
    else t.same([reply.status, reply.location], [303, signInPath(name, path)], name)
  }
  const piece = await new Visitor(service.url).get('/admin/board', { 'hx-request': 'true' })
  t.equal(piece.status, 401, 'a piece of a page is no place to sign in')
  t.same(await everything(), before)
})

t.test('without a token, or with the one of somebody else, nothing is changed', async (t) => {
  const before = await everything()
  const { owner, operator } = visitors
  const foreign = await operator.token()
  const wrong = { 'no token': {}, 'an empty one': { _csrf: '' }, 'that of somebody else': { _csrf: foreign } }
  for (const [name, route] of [...changing, ['POST /admin/sign-out', ROUTES['POST /admin/sign-out']] as const]) {
    const [, path] = target(name, route as Route, 'owner')
    for (const [what, token] of Object.entries(wrong)) {
      const fields = { ...route?.fields?.('owner'), ...token }
      const body = path === '/admin/import' ? uploaded(fields) : new URLSearchParams(fields)
      const { status, text } = await owner.send(path, body)
      t.equal(status, 403, `${name} with ${what}`)
      t.match(text, 'The form is too old')
    }
  }
  t.equal((await owner.get('/admin')).status, 200, 'and nobody is signed out')
  t.same(await everything(), before)
})

t.test('a token is taken from a form only', async (t) => {
  const token = await visitors.owner.token()
  const body = JSON.stringify({ reason: 'x' })
  const headers = { 'content-type': 'application/json', 'csrf-token': token, 'x-csrf-token': token }
  const path = '/admin/migrations/owner@old.example/pause'
  t.equal((await visitors.owner.send(path, body, headers)).status, 403)
  t.equal((await visitors.owner.send(`${path}?_csrf=${token}`, new URLSearchParams())).status, 403)
})

for (const role of ROLES) {
  t.test(`${role} gets and changes what the role allows, and nothing else`, async (t) => {
    for (const [name, route] of all.filter(([, { permission }]) => permission !== null)) {
      const isAllowed = may(role, route.permission ?? 'see')
      const before = isAllowed ? undefined : await everything()
      const reply = await ask(visitors[role], name, route, role)
      t.equal(reply.status, isAllowed ? route.status : 403, name)
      t.notMatch(reply.location, /sign-in/, name)
      if (!isAllowed) {
        t.match(reply.text, 'Your role does not allow this', name)
        t.same(await everything(), before, `${name} changes nothing`)
      }
    }
  })
}

t.test('pages offer what the role allows only', async (t) => {
  const page = '/admin/migrations/viewer@old.example'
  t.notMatch((await visitors.viewer.get(page)).text, /<form(?!.*sign-out)/)
  t.match((await visitors.operator.get(page)).text, 'Set password')
  t.notMatch((await visitors.operator.get(page)).text, 'Disable account')
  t.match((await visitors.owner.get(page)).text, 'Disable account')
  t.notMatch((await visitors.operator.get('/admin')).text, 'href="/admin/administrators"')
})

t.test('every answer forbids what is not its own, frames and copies', async (t) => {
  const asked = all.filter(([name]) => name.startsWith('GET '))
  for (const [name, route] of asked) forbids(t, name, await ask(visitors.owner, name, route, 'owner'))
  forbids(t, 'a question that is not understood', await visitors.owner.get('/admin/sign-in?next=a&next=b'))
  forbids(t, 'nobody', await new Visitor(service.url).get('/admin'))
  const [file = ''] = /\/admin\/assets\/[^"]+\.js/.exec((await visitors.owner.get('/admin')).text) ?? []
  const { headers } = await new Visitor(service.url).get(file)
  t.match(headers.get('cache-control'), 'immutable')
  t.equal(headers.get('x-content-type-options'), 'nosniff')
})

function forbids(t: Test, name: string, { headers }: Reply): void {
  const policy = headers.get('content-security-policy') ?? ''
  t.match(policy, /default-src 'none'/, name)
  t.match(policy, /frame-ancestors 'none'/, name)
  t.notMatch(policy, /unsafe|\*|https?:|data:/, name)
  t.equal(headers.get('x-frame-options'), 'DENY', name)
  t.equal(headers.get('cache-control'), 'no-store', name)
  t.equal(headers.get('x-content-type-options'), 'nosniff', name)
  t.equal(headers.get('referrer-policy'), 'same-origin', name)
}

function target(name: string, { path }: Route, role: Role): [method: string, path: string] {
  const [method = '', pattern = ''] = name.split(' ')
  return [method, path?.(role) ?? pattern]
}

async function ask(visitor: Visitor, name: string, route: Route, role: Role): Promise<Reply> {
  const [method, path] = target(name, route, role)
  if (method === 'GET') return await visitor.get(path)
  const fields = route.fields?.(role) ?? {}
  if (path !== '/admin/import') return await visitor.post(path, fields)
  return await visitor.send(path, uploaded({ _csrf: await visitor.token(), ...fields }))
}

function uploaded({ file = '', ...fields }: Readonly<Record<string, string>>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('file', new Blob([file]), 'people.csv')
  return form
}

function signInPath(name: string, path: string): string {
  const comesBack = name.startsWith('GET ') && path !== '/admin'
  return comesBack ? `/admin/sign-in?next=${encodeURIComponent(path)}` : '/admin/sign-in'
}

/** What is in the database, as far as administrators change it. */
async function everything(): Promise<unknown> {
  const counts = TABLES.map(
    (table) => `(select md5(string_agg(t::text, ',' order by t::text)) from ${table} t) ${table}`,
  )
  return (await query(service.dataDir, `select ${counts.join(', ')}`)).rows[0]
}

t.end()
