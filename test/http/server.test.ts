import t from 'tap'
import { MISMATCH, tempfail, type Verdict } from '../../src/model/verdict.ts'
import type { Delivery } from '../../src/routing/delivery.ts'
import { get } from '../support/service.ts'
import { account, onSocket, type Script, scriptedListener } from './scripted-listener.ts'

const TOKEN = 'the-auth-token'

/** A listener that gives one verdict, and what it logged. */
function listener(script: Script = {}) {
  const scripted = scriptedListener(script)
  const post = async (path: string, payload: string | Buffer | object, headers: Record<string, string> = {}) => {
    const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
    const response = await scripted.app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      payload: body,
    })
    return { status: response.statusCode, body: response.json(), headers: response.headers }
  }
  return { ...scripted, post }
}

const QUESTION = { username: 'anna@old.example', password: 'top secret' }

t.test('each verdict has its status and body', async (t) => {
  const cases: [Verdict, number, object][] = [
    [
      { verdict: 'ok', account },
      200,
      {
        success: true,
        verdict: 'ok',
        user: 'anna@new.example',
        fields: { userdb_home: '/home/anna', userdb_quota_rule: '*:bytes=1024', userdb_quota_storage_size: '1024B' },
      },
    ],
    [{ verdict: 'mismatch' }, 401, { success: false, verdict: 'mismatch' }],
    [{ verdict: 'disabled' }, 403, { success: false, verdict: 'disabled' }],
    [{ verdict: 'expired' }, 403, { success: false, verdict: 'expired' }],
    [tempfail('old-timeout', new Error('x')), 503, { success: false, verdict: 'tempfail', code: 'old-timeout' }],
  ]
  for (const [verdict, status, body] of cases) {
    const answer = await listener({ verdict }).post('/v1/passdb', QUESTION)
    t.same({ status: answer.status, body: answer.body }, { status, body })
    t.equal('retry-after' in answer.headers, status === 503)
  }
})

t.test('an answer with anything that is no string does not leave, whatever the types promise', async (t) => {
  const { address: text, home } = account
  const wrong = [
    { ...account, address: { local: 'anna', domain: 'new.example', text } },
    { ...account, address: '' },
    { ...account, home: { path: home } },
    { ...account, home: undefined },
  ] as unknown as (typeof account)[]
  for (const one of wrong) {
    const { post, app, logged } = listener({ verdict: { verdict: 'ok', account: one }, lookUp: async () => one })
    t.match(await post('/v1/passdb', QUESTION), {
      ...{ status: 503, headers: { 'retry-after': /./ } },
      body: { success: false, verdict: 'tempfail', code: 'internal' },
    })
    t.match(await post('/v1/userdb', QUESTION), { status: 503, body: { code: 'internal' } })
    t.match(logged, [/"code":"internal".*that is no string/, /that is no string/])
    const counted = (await app.inject({ url: '/metrics' })).body
    t.match(counted, /verdicts_total{door="http",verdict="tempfail",code="internal"} 1/)
  }
})

t.test('fields that the auth API does not know are ignored', async (t) => {
  const { requests, post } = listener()
  const question = { ...QUESTION, real_rip: '192.0.2.1', service: 'imap', session: null, secured: 1, future: [1] }
  t.equal((await post('/v1/passdb', question)).status, 401)
  t.match(requests, [{ ...QUESTION, clientAddress: '192.0.2.1' }])
})

t.test('a malformed question is refused without a verdict, and asks nothing', async (t) => {
  const { requests, post } = listener()
  const cases: [string | Buffer | object, number, Record<string, string>?][] = [
    ['{', 400],
    ['', 400],
    ['[]', 400],
    ['null', 400],
    [{ username: 'anna@old.example' }, 400],
    [{ ...QUESTION, password: 1234 }, 400],
    [{ ...QUESTION, username: null }, 400],
    [{ ...QUESTION, password: 'x'.repeat(100_000) }, 413],
    [Buffer.from(JSON.stringify(QUESTION).replace('top', 't\xf6p'), 'latin1'), 400],
    ['{"username":"a@b","password":"x","__proto__":{}}', 400],
    ['username=anna', 415, { 'content-type': 'text/plain' }],
    ['username=anna', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
  ]
  for (const [payload, status, headers] of cases) {
    const answer = await post('/v1/passdb', payload, headers)
    t.equal(answer.status, status, JSON.stringify(payload).slice(0, 60))
    t.notOk('verdict' in answer.body)
  }
  t.same(requests, [])
})

t.test('on TCP the auth token is asked for, health is not', async (t) => {
  const { app, requests, post } = listener({ authToken: TOKEN })
  const alike = [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, `Bearer ${TOKEN.slice(0, -1)}N`, `bearer ${TOKEN}`]
  for (const authorization of ['', 'Bearer wrong', TOKEN, `Basic ${TOKEN}`, ...alike]) {
    const answer = await post('/v1/passdb', QUESTION, authorization ? { authorization } : {})
    t.equal(answer.status, 403, authorization)
    t.notOk('verdict' in answer.body)
    for (const path of ['/v1/userdb', '/v1/delivery']) {
      t.equal((await post(path, QUESTION, authorization ? { authorization } : {})).status, 403)
    }
  }
  t.same(requests, [])
  t.equal((await post('/v1/passdb', QUESTION, { authorization: `Bearer ${TOKEN}` })).status, 401)
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics']) {
    t.equal((await app.inject({ url: path })).statusCode, 200, path)
  }
})

t.test('userdb answers found, not found, or could not ask', async (t) => {
  const { post } = listener()
  t.same((await post('/v1/userdb', { username: 'anna@new.example' })).body, {
    found: true,
    fields: { user: 'anna@new.example', home: '/home/anna', quota_rule: '*:bytes=1024', quota_storage_size: '1024B' },
  })
  t.same((await post('/v1/userdb', { username: 'x@new.example' })).body, { found: false })
  const away = listener({
    lookUp: async () => {
      throw new Error('connection refused')
    },
  })
  const answer = await away.post('/v1/userdb', { username: 'anna@new.example' })
  t.equal(answer.status, 503)
  t.notOk('found' in answer.body)
})

t.test('delivery answers here, by the old server, nobody, or could not look', async (t) => {
  const answerTo = async (found: () => Promise<Delivery>) => {
    const { post } = listener({ deliveryOf: found })
    return await post('/v1/delivery', { username: 'anna@new.example' })
  }
  const mx = { host: 'mx.old.example', port: 25 }
  t.match(await answerTo(async () => ({ to: 'destination' })), { status: 200, body: { found: true, fields: {} } })
  t.match(await answerTo(async () => ({ to: 'nobody' })), { status: 404, body: { found: false } })
  const proxied = { proxy: 'y', protocol: 'smtp', host: 'mx.old.example', port: '25', proxy_timeout: '300' }
  for (const [tls, fields] of [
    ['verified', { starttls: 'yes' }],
    ['encrypted', { starttls: 'any-cert' }],
    ['none', {}],
  ] as const) {
    const { status, body } = await answerTo(async () => ({ to: 'source', mx: { ...mx, tls }, renamed: null }))
    t.same({ status, body }, { status: 200, body: { found: true, fields: { ...proxied, ...fields } } }, tls)
  }
  const renamed = { local: 'anna', domain: 'old.example', text: 'anna@old.example' }
  const { body } = await answerTo(async () => ({ to: 'source', mx: { ...mx, tls: 'none' }, renamed }))
  t.same(body, { found: true, fields: { ...proxied, destuser: 'anna@old.example' } })
  const away = await answerTo(() => Promise.reject(new Error('connection refused')))
  t.equal(away.status, 503)
  t.same(away.body, { code: 'database' })
})

t.test('who has an account is told to whoever may ask, as one array out of many pages', async (t) => {
  const { app } = listener({
    authToken: TOKEN,
    async *addresses() {
      yield ['a@b', 'b@b']
      yield ['c@b']
      yield []
    },
  })
  const list = (headers = {}) => app.inject({ url: '/v1/userdb', headers })
  t.equal((await list()).statusCode, 403)
  t.same((await list({ authorization: `Bearer ${TOKEN}` })).json(), ['a@b', 'b@b', 'c@b'])
  const nobody = listener({
    addresses: async function* () {
      yield []
    },
  })
  t.same((await nobody.app.inject({ url: '/v1/userdb' })).json(), [])
  const away = listener({
    async *addresses() {
      yield await Promise.reject(new Error('connection refused'))
    },
  })
  t.match(await away.app.inject({ url: '/v1/userdb' }), { statusCode: 503, body: '{"code":"database"}' })
})

t.test('a list that breaks off is no list', async (t) => {
  await using listener = await onSocket({
    async *addresses() {
      yield ['a@b']
      throw new Error('connection refused')
    },
  })
  const asked = await get(listener.socket, '/v1/userdb').catch((error: Error) => error)
  t.ok(asked instanceof Error, 'not an array')
})

t.test('neither log nor metrics nor errors tell a name or a password', async (t) => {
  const cause = Object.assign(new Error('NO'), { responseStatus: 'NO', responseText: 'top secret is wrong for anna' })
  for (const verdict of [MISMATCH, tempfail('old-protocol', cause)]) {
    const { app, logged, post } = listener({ verdict })
    const answers = [
      await post('/v1/passdb', QUESTION),
      await post('/v1/anna', QUESTION),
      await post('/v1/passdb', JSON.stringify(QUESTION).slice(0, -1)),
      await post('/v1/passdb', { ...QUESTION, username: 7 }),
    ]
    const metrics = (await app.inject({ url: '/metrics' })).body
    const told = [...logged, metrics, ...answers.map(({ body }) => JSON.stringify(body))].join('\n')
    t.match(metrics, /postferry_verdicts_total\{/)
    t.notMatch(told, /top secret|anna/)
  }
})

t.test('readyz names what is missing, livez stays', async (t) => {
  const { app } = listener({
    checks: {
      database: async () => undefined,
      upgrades: async () => {
        throw new Error('upgrade 0002_x.sql is pending')
      },
    },
  })
  for (const url of ['/readyz', '/healthz']) {
    const answer = await app.inject({ url })
    t.equal(answer.statusCode, 503)
    t.same(answer.json(), {
      status: 'not ready',
      checks: { database: { ok: true }, upgrades: { ok: false, reason: 'upgrade 0002_x.sql is pending' } },
    })
  }
  t.equal((await app.inject({ url: '/livez' })).statusCode, 200)
})

t.test('on TCP only the auth token is told what is missing', async (t) => {
  const away = async () => {
    throw new Error('password authentication failed for user "ferry"')
  }
  const { app } = listener({ authToken: TOKEN, checks: { database: away } })
  for (const url of ['/readyz', '/healthz']) {
    for (const authorization of ['', `Bearer ${TOKEN}x`]) {
      const { statusCode, body } = await app.inject({ url, headers: { authorization } })
      t.match({ statusCode, body }, { statusCode: 503, body: '{"status":"not ready"}' })
    }
    const { body } = await app.inject({ url, headers: { authorization: `Bearer ${TOKEN}` } })
    t.match(JSON.parse(body), { status: 'not ready', checks: { database: { ok: false, reason: /"ferry"/ } } })
  }
})

t.test('a crowd that asks whether the service is ready is one question to the database', async (t) => {
  const database = Promise.withResolvers<void>()
  let asked = 0
  const check = () => {
    asked++
    return database.promise
  }
  const { app } = listener({ checks: { database: check } })
  await app.ready()
  const crowd = Array.from({ length: 20 }, () => app.inject({ url: '/readyz' }))
  database.resolve()
  for (const { statusCode } of await Promise.all(crowd)) t.equal(statusCode, 200)
  t.equal(asked, 1)
  await app.inject({ url: '/readyz' })
  t.equal(asked, 2, 'later ones ask again')
})

t.test('the client’s address is passed on in one spelling, and what is none is left out', async (t) => {
  const { requests, post } = listener()
  const cases: [unknown, string | null][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:FFFF:C000:0201', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ...['', '192.0.2.01', '192.0.2.1 ', '192.0.2.1/32', 'localhost', '::g', 7, null, {}, ['192.0.2.1'], true].map(
      (none): [unknown, null] => [none, null],
    ),
  ]
  for (const [real_rip, expected] of cases) {
    t.equal((await post('/v1/passdb', { ...QUESTION, real_rip })).status, 401)
    t.equal((requests.at(-1) as { clientAddress: unknown }).clientAddress, expected, JSON.stringify(real_rip))
  }
  await post('/v1/passdb', QUESTION)
  t.match(requests.at(-1), { clientAddress: null })
})

t.test('the address of a proxy is nobody’s client', async (t) => {
  const { requests, post } = listener({ proxyNetworks: ['192.0.2.0/28', '2001:db8::/48'] })
  const cases: [string, string | null][] = [
    ['192.0.2.15', null],
    ['::ffff:192.0.2.1', null],
    ['2001:db8:0:7::1', null],
    ['192.0.2.16', '192.0.2.16'],
    ['2001:db8:1::1', '2001:db8:1::1'],
  ]
  for (const [real_rip, expected] of cases) {
    await post('/v1/passdb', { ...QUESTION, real_rip })
    t.equal((requests.at(-1) as { clientAddress: unknown }).clientAddress, expected, real_rip)
  }
})

t.test('what goes wrong inside is a tempfail, with a cause in the log', async (t) => {
  const { logged, post } = listener({ login: () => Promise.reject(new Error('it broke')) })
  const { status, body } = await post('/v1/passdb', QUESTION)
  t.same({ status, body }, { status: 503, body: { success: false, verdict: 'tempfail', code: 'internal' } })
  t.match(logged.join(''), /it broke/)
})

t.test(
  'metrics count verdicts by the way they were asked for and code, steps by kind, and show each provider',
  async (t) => {
    const { app, metrics, post } = listener({
      login: async ({ onGone }) => {
        onGone(() => undefined)
        return tempfail('old-busy')
      },
      providers: [
        { provider: 'old', breaker: 'half-open', running: 3, waiting: 14 },
        { provider: 'other', breaker: 'closed', running: 0, waiting: 0 },
      ],
    })
    await post('/v1/passdb', QUESTION)
    await post('/v1/passdb', QUESTION, { 'user-agent': 'postferry-checkpassword' })
    await post('/v1/passdb', QUESTION, { 'user-agent': 'anything else' })
    t.equal(await metrics.time('old', async () => 'work'), 'work')
    await t.rejects(
      metrics.time('old', () => Promise.reject(new Error('trouble'))),
      { message: 'trouble' },
    )
    const seen = (await app.inject({ url: '/metrics' })).body
    for (const line of [
      'postferry_verdicts_total{door="http",verdict="tempfail",code="old-busy"} 2',
      'postferry_verdicts_total{door="checkpassword",verdict="tempfail",code="old-busy"} 1',
      'postferry_passdb_seconds_count 3',
      'postferry_step_seconds_count{step="old"} 2',
      'postferry_step_seconds_count{step="hash"} 0',
      'postferry_step_seconds_count{step="database"} 0',
      'postferry_old_connections{provider="old"} 3',
      'postferry_old_waiting{provider="old"} 14',
      'postferry_old_breaker{provider="old",state="half-open"} 1',
      'postferry_old_breaker{provider="old",state="closed"} 0',
      'postferry_old_breaker{provider="other",state="closed"} 1',
      'postferry_questions_in_flight 0',
    ]) {
      t.ok(seen.split('\n').includes(line), line)
    }
  },
)
