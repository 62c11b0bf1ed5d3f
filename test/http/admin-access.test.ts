import t from 'tap'
import { adminApi } from '../support/admin.ts'
import { COMPILED } from '../support/compiled.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { startFerry } from '../support/ferry.ts'
import { freePort } from '../support/loopback.ts'
import { formsFound } from '../support/secrets.ts'
import { ask, get, type RunningService, startService } from '../support/service.ts'
import { HttpWire, request } from './http-wire.ts'

let service: RunningService
t.before(async () => {
  service = await startService(COMPILED)
})
t.after(() => service[Symbol.asyncDispose]())

/** Every route of the API, with something in the place of its parameters. */
async function routes(): Promise<[method: string, path: string][]> {
  const { paths } = (await get(service.socket, '/openapi.json')).body
  return Object.entries(paths as Record<string, object>)
    .filter(([path]) => path.startsWith('/v1/admin/'))
    .flatMap(([path, operations]) =>
      Object.keys(operations).map((method): [string, string] => [
        method.toUpperCase(),
        path.replace(/{\w+}/g, 'a@b.example'),
      ]),
    )
}

t.test('every route wants the admin token, on TCP and on the socket', async (t) => {
  const { token } = adminApi(service)
  const all = await routes()
  t.ok(all.length > 20)
  for (const address of [service.socket, service.url]) {
    for (const [method, path] of all) {
      for (const authorization of ['', 'Bearer wrong', `Bearer ${service.token}`, token]) {
        const headers: Record<string, string> = authorization === '' ? {} : { authorization }
        const answer = await ask(address, path, method, undefined, headers)
        t.same(answer, { status: 403, body: { error: 'the admin token is missing or wrong' } }, `${method} ${path}`)
      }
      const letIn = await ask(address, path, method, undefined, { authorization: `Bearer ${token}` })
      t.not(letIn.status, 403, `${method} ${path}`)
      t.not(letIn.status, 500, `${method} ${path}`)
    }
  }
})

t.test('without the token nothing of a body is read', async (t) => {
  for (const path of ['/v1/admin/providers', '/v1/admin/import']) {
    using wire = await HttpWire.open(service.socket)
    const answer = await wire.ask(request(path, 'x', { 'content-length': '1000', authorization: 'Bearer wrong' }))
    t.match(answer, { status: 403, head: /^connection: close$/m })
    t.equal(await wire.response(), null, 'and the connection ends')
  }
})

t.test('no answer is kept by anybody on the way', async (t) => {
  using wire = await HttpWire.open(service.socket)
  const bearer = { authorization: `Bearer ${adminApi(service).token}` }
  const answer = await wire.ask(request('/v1/admin/domains', '{}', bearer))
  t.match(answer, { status: 400, head: /^cache-control: no-store$/m })
})

t.test('a question has 64 KiB at most, and a file of people 16 MiB', async (t) => {
  const MIB = 1024 * 1024
  const bearer = { authorization: `Bearer ${adminApi(service).token}` }
  const csv = { ...bearer, 'content-type': 'text/csv' }
  const tooLong = async (path: string, headers: Record<string, string>, length: number) => {
    using wire = await HttpWire.open(service.socket)
    return await wire.ask(request(path, '', { ...headers, 'content-length': `${length}` }))
  }
  t.match(await tooLong('/v1/admin/providers', bearer, 64 * 1024 + 1), { status: 413 })
  t.match(await tooLong('/v1/admin/import', csv, 16 * MIB + 1), { status: 413 })
  const largest = Buffer.alloc(16 * MIB, '\n')
  t.match(await ask(service.socket, '/v1/admin/import', 'POST', largest, csv), {
    status: 400,
    body: { error: 'the file names nobody' },
  })
})

t.test('while the database is away the answer is "try later", without a word about where it is', async (t) => {
  const port = await freePort()
  const DATABASE_URL = `postgresql://ferry:database-secret-7Q@127.0.0.1:${port}/postferry`
  await using away = await startService({ ...COMPILED, DATABASE_URL })
  const { get, post } = adminApi(away)
  for (const answer of [await get('/providers'), await post('/domains', { domain: 'a.example', provider: 'x' })]) {
    t.same(answer, { status: 503, body: { error: 'the database is away, or not ready yet: /readyz says more' } })
  }
})

t.test('a database that goes away and comes back takes the API with it', async (t) => {
  await using postgres = await startDebianPostgres()
  await using ferry = await startService({ ...COMPILED, DATABASE_URL: postgres.url })
  const { get, post } = adminApi(ferry)
  t.match(await get('/providers'), { status: 200 })
  await postgres.stop()
  for (const answer of [await get('/providers'), await post('/providers', { name: 'x', host: 'x.example' })]) {
    t.match(answer, { status: 503, body: { error: /database is away/ } })
  }
  await postgres.start()
  t.match(await get('/providers'), { status: 200, body: [] })
})

t.test('no secret is in any answer, in the log or in the audit', async (t) => {
  const secrets = ['pässword of Anna', 'another of Anna 1', 'wrong of Anna 22', 'imported of Bert 3', 'set for Anna 44']
  const [right = '', later = '', wrong = '', imported = '', set = ''] = secrets
  await using ferry = await startFerry({ 'anna@old.example': right }, COMPILED)
  const { get, post } = adminApi(ferry.service)
  await ferry.service.passdb('anna@old.example', right)
  await ferry.old.setPassword('anna@old.example', later)
  const anna = { username: 'anna@old.example' }
  const answers = [
    await post('/providers/old/sign-in', { ...anna, password: later }),
    await post('/providers/old/sign-in', { ...anna, password: wrong }),
    await post('/providers/old/sign-in', { ...anna, password: `${wrong}\n` }),
    await post('/migrations/anna@old.example/set-password', { password: later }),
    await post('/migrations/anna@old.example/set-password', { password: wrong }),
    await post('/migrations/anna@old.example/set-password', { password: [wrong] }),
    await post('/import', `bert@old.example,,${imported}\n"bad,${imported}\n`),
    await post('/import?skip_bad=true&verify=true', `bert@old.example,,${imported}\n`),
    await post('/import?skip_bad=true', `bert@old.example,,${imported}\n`),
    await post('/accounts/anna@old.example/passwd', { password: set }),
    await get('/migrations/anna@old.example'),
    await get('/migrations/bert@old.example'),
    await get('/settings'),
    await get('/audit'),
  ]
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 400, 200, 409, 400, 409, 200, 200, 200, 200, 200, 200, 200],
  )
  t.match([answers[0]?.body, answers[1]?.body], [{ answer: 'yes' }, { answer: 'no' }])
  const told = JSON.stringify(answers) + ferry.service.log()
  t.same(formsFound(Buffer.from(told), [...secrets, adminApi(ferry.service).token]), [])
})

t.end()
