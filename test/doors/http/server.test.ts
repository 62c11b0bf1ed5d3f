import { pino } from 'pino'
import t from 'tap'
import { createMetrics } from '../../../src/doors/http/metrics.ts'
import type { Asked } from '../../../src/doors/http/passdb.ts'
import { httpDoor } from '../../../src/doors/http/server.ts'
import type { Account } from '../../../src/model/account.ts'
import { MISMATCH, tempfail, type Verdict } from '../../../src/model/verdict.ts'

const account: Account = { address: 'anna@new.example', home: '/home/anna', quotaBytes: 1024, enabled: true }
const TOKEN = 'the-door-token'

interface World extends Asked {
  verdict: Verdict
  doorToken: string | null
}

/** A door that gives one verdict, and what it logged. */
function door({ verdict = MISMATCH, doorToken = null, ...more }: Partial<World> = {}) {
  const logged: string[] = []
  const asked: Asked & { questions: object[] } = {
    questions: [],
    async signIn(question) {
      this.questions.push(question)
      return verdict
    },
    lookUp: async (username) => (username === 'anna@new.example' ? account : null),
    ...more,
  }
  const log = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) })
  const metrics = createMetrics()
  const app = httpDoor({ asked, checks: { database: async () => undefined }, metrics, log, doorToken })
  const post = async (path: string, payload: string | object, headers: Record<string, string> = {}) => {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
    const response = await app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      payload: body,
    })
    return { status: response.statusCode, body: response.json(), headers: response.headers }
  }
  return { app, asked, logged, post }
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
        fields: { userdb_home: '/home/anna', userdb_quota_rule: '*:bytes=1024' },
      },
    ],
    [{ verdict: 'mismatch' }, 401, { success: false, verdict: 'mismatch' }],
    [{ verdict: 'disabled' }, 403, { success: false, verdict: 'disabled' }],
    [{ verdict: 'expired' }, 403, { success: false, verdict: 'expired' }],
    [tempfail('old-timeout', new Error('x')), 503, { success: false, verdict: 'tempfail', code: 'old-timeout' }],
  ]
  for (const [verdict, status, body] of cases) {
    const answer = await door({ verdict }).post('/v1/passdb', QUESTION)
    t.same({ status: answer.status, body: answer.body }, { status, body })
    t.equal('retry-after' in answer.headers, status === 503)
  }
})

t.test('fields that the door does not know are ignored', async (t) => {
  const { asked, post } = door()
  const question = { ...QUESTION, real_rip: '192.0.2.1', service: 'imap', session: null, secured: 1, future: [1] }
  t.equal((await post('/v1/passdb', question)).status, 401)
  t.same(asked.questions, [QUESTION])
})

t.test('a malformed question is refused without a verdict, and asks nothing', async (t) => {
  const { asked, post } = door()
  const cases: [string | object, number, Record<string, string>?][] = [
    ['{', 400],
    ['', 400],
    ['[]', 400],
    ['null', 400],
    [{ username: 'anna@old.example' }, 400],
    [{ ...QUESTION, password: 1234 }, 400],
    [{ ...QUESTION, username: null }, 400],
    [{ ...QUESTION, password: 'x'.repeat(100_000) }, 413],
    ['username=anna', 415, { 'content-type': 'text/plain' }],
    ['username=anna', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
  ]
  for (const [payload, status, headers] of cases) {
    const answer = await post('/v1/passdb', payload, headers)
    t.equal(answer.status, status, JSON.stringify(payload).slice(0, 60))
    t.notOk('verdict' in answer.body)
  }
  t.same(asked.questions, [])
})

t.test('on TCP the door token is asked for, health is not', async (t) => {
  const { app, asked, post } = door({ doorToken: TOKEN })
  for (const authorization of ['', 'Bearer wrong', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
    const answer = await post('/v1/passdb', QUESTION, authorization ? { authorization } : {})
    t.equal(answer.status, 403, authorization)
    t.notOk('verdict' in answer.body)
    t.equal((await post('/v1/userdb', QUESTION, authorization ? { authorization } : {})).status, 403)
  }
  t.same(asked.questions, [])
  t.equal((await post('/v1/passdb', QUESTION, { authorization: `Bearer ${TOKEN}` })).status, 401)
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics']) {
    t.equal((await app.inject({ url: path })).statusCode, 200, path)
  }
})

t.test('userdb answers found, not found, or could not look', async (t) => {
  const { post } = door()
  t.same((await post('/v1/userdb', { username: 'anna@new.example' })).body, {
    found: true,
    fields: { user: 'anna@new.example', home: '/home/anna', quota_rule: '*:bytes=1024' },
  })
  t.same((await post('/v1/userdb', { username: 'x@new.example' })).body, { found: false })
  const away = door({
    lookUp: async () => {
      throw new Error('connection refused')
    },
  })
  const answer = await away.post('/v1/userdb', { username: 'anna@new.example' })
  t.equal(answer.status, 503)
  t.notOk('found' in answer.body)
})

t.test('neither log nor metrics nor errors tell a name or a password', async (t) => {
  const cause = Object.assign(new Error('NO'), { responseStatus: 'NO', responseText: 'top secret is wrong for anna' })
  for (const verdict of [MISMATCH, tempfail('old-protocol', cause)]) {
    const { app, logged, post } = door({ verdict })
    const answers = [
      await post('/v1/passdb', QUESTION),
      await post('/v1/passdb', JSON.stringify(QUESTION).slice(0, -1)),
      await post('/v1/passdb', { ...QUESTION, username: 7 }),
    ]
    const metrics = (await app.inject({ url: '/metrics' })).body
    const told = [...logged, metrics, ...answers.map(({ body }) => JSON.stringify(body))].join('\n')
    t.match(metrics, /mailferry_verdicts_total\{/)
    t.notMatch(told, /top secret|anna/)
  }
})

t.test('readyz names what is missing, livez stays', async (t) => {
  const app = httpDoor({
    asked: door().asked,
    checks: {
      database: async () => undefined,
      upgrades: async () => {
        throw new Error('upgrade 0002_x.sql is pending')
      },
    },
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    doorToken: null,
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
