import t, { type Test } from 'tap'
import { type AdminApi, adminApi } from '../support/admin.ts'
import { COMPILED } from '../support/compiled.ts'
import { type Ferry, rows, startFerry } from '../support/ferry.ts'
import { freePort } from '../support/loopback.ts'
import { query } from '../support/query.ts'

const PEOPLE = { 'anna@old.example': 'pw of anna', 'bert@renamed.example': 'pw of bert' }
let ferry: Ferry
let api: AdminApi
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
  api = adminApi(ferry.service)
  for (const [user, password] of Object.entries(PEOPLE)) await ferry.service.passdb(user, password)
})
t.after(() => ferry[Symbol.asyncDispose]())

/** An answer of 400 that names these fields, and nothing else. */
function namesFields(t: Test, { status, body }: { status: number; body: { fields?: object } }, ...fields: string[]) {
  t.same({ status, fields: Object.keys(body.fields ?? {}).sort() }, { status: 400, fields: fields.sort() })
}

t.test('rows are those of the commands', async (t) => {
  const lists: [string, string[]][] = [
    ['/providers', ['provider', 'list']],
    ['/domains', ['domain', 'list']],
    ['/report', ['report']],
  ]
  for (const [path, command] of lists) t.same((await api.get(path)).body, await rows(ferry.service, ...command), path)
  const paged: [string, string[]][] = [
    ['/accounts', ['account', 'list']],
    ['/audit', ['audit', 'list']],
  ]
  for (const [path, command] of paged) {
    const page = { rows: await rows(ferry.service, ...command), before: null, after: null }
    t.same((await api.get(path)).body, page, path)
  }
  const bert = await rows(ferry.service, 'account', 'show', 'bert@new.example')
  t.same((await api.get('/accounts/bert@renamed.example')).body, bert, 'by the old address too')
})

t.test('a provider is added, changed where it is told, and removed, with reasons in the audit', async (t) => {
  const isp = { name: 'isp', host: 'Mail.ISP.example', tls: 'starttls', login_name: '%n', exclude: ['Spam*', '"<b>'] }
  const added = await api.post('/providers', { ...isp, reason: 'a second one' })
  t.match(added, {
    status: 201,
    body: { ...isp, host: 'mail.isp.example', port: 143, window: null, fingerprint: null },
  })
  const fingerprint = Array(32).fill('AB').join(':')
  const changed = await api.patch('/providers/isp', { fingerprint, window: '20:00-06:00 Europe/Berlin', exclude: [] })
  t.match(changed, { status: 200, body: { fingerprint: 'ab'.repeat(32), window: '20:00-06:00 Europe/Berlin' } })
  t.same(changed.body.exclude, [])
  t.match(
    (await api.patch('/providers/isp', { fingerprint: null, window: null, reopens: true, after_refusal: 'refuse' }))
      .body,
    {
      ...{ fingerprint: null, window: null, reopens: true, after_refusal: 'refuse', tls: 'starttls' },
    },
  )
  t.match(await api.delete('/providers/isp?reason=too%20slow'), { status: 200, body: { name: 'isp' } })
  t.match(await api.get('/providers/isp'), { status: 404, body: { error: 'there is no provider isp' } })
  const [removed, , , first] = (await api.get('/audit?limit=4')).body.rows
  t.match(removed, { actor: 'api', action: 'provider.remove', subject: 'isp', reason: 'too slow' })
  t.match(first, { actor: 'api', action: 'provider.add', subject: 'isp', reason: 'a second one' })
})

t.test('what cannot be used is named, and what cannot be done says why', async (t) => {
  namesFields(t, await api.post('/providers', { name: 'two words', host: 'h' }), 'name')
  namesFields(t, await api.post('/providers', { name: 'x y', host: 'imaps://a', reason: '' }), 'name', 'host', 'reason')
  namesFields(t, await api.post('/providers', { host: 7, prot: 1 }), 'name', 'host', 'prot')
  const wrong = { host: 'imaps://h', port: 0, fingerprint: 'x', include: [''], ca_file: 'relative.pem' }
  namesFields(t, await api.post('/providers', { name: 'x', ...wrong }), ...Object.keys(wrong))
  namesFields(t, await api.patch('/providers/old', { tls: 'ssl', port: '993' }), 'tls', 'port')
  namesFields(t, await api.patch('/providers/old', { flip: 'sometimes' }), 'flip')
  const empty = await api.patch('/providers/old', { window: '20:00-20:00' })
  namesFields(t, empty, 'window')
  t.match(empty.body.fields, { window: /empty/ })
  namesFields(t, await api.patch('/providers/old', { host: 'h', reason: 'two\nlines' }), 'reason')
  namesFields(t, await api.delete('/providers/old?reason='), 'reason')
  namesFields(t, await api.post('/domains', { domain: 'two words', provider: 'old' }), 'domain')
  const allWrong = { domain: 'two words', new_domain: '', provider: 'nobody' }
  namesFields(t, await api.post('/domains', allWrong), ...Object.keys(allWrong))
  namesFields(t, await api.post('/providers/old/sign-in', { username: '', password: '' }), 'username', 'password')
  for (const path of ['/migrations/%ff%fe', '/migrations/%', '/providers/%c3%28'])
    t.same(await api.get(path), { status: 400, body: { error: 'the path is not UTF-8' } }, path)
  namesFields(t, await api.post('/domains', { domain: 'x.example', provider: 'nobody' }), 'provider')
  namesFields(t, await api.post('/accounts/anna/disable'), 'address')
  namesFields(t, await api.post('/accounts/anna@old.example/passwd', {}), 'password')
  namesFields(t, await api.post('/accounts/anna@old.example/passwd', { password: 'two\nlines' }), 'password')
  for (const limit of ['0', '1001', 'x', '']) namesFields(t, await api.get(`/accounts?limit=${limit}`), 'limit')
  namesFields(t, await api.get('/accounts?limitt=1'), 'limitt')
  t.match(await api.get('/audit?after=x'), { status: 409, body: { error: /no such cursor/ } })
  t.match(await api.get('/providers/%00'), { status: 400, body: { error: /NUL/ } })
  namesFields(t, await api.get('/audit?since=yesterday'), 'since')
  namesFields(t, await api.get('/report?domain=two%20words'), 'domain')
  namesFields(t, await api.get('/report?provider=nobody'), 'provider')
  t.match(await api.patch('/providers/old', {}), { status: 400, body: { error: 'say what to change' } })
  const missing = ['/providers/nobody', '/accounts/nobody@old.example']
  for (const path of missing) t.match(await api.get(path), { status: 404, body: { error: /nobody/ } }, path)
  t.match(await api.delete('/domains/nowhere.example'), { status: 404 })
  t.match(await api.post('/providers', { name: 'old', host: 'h' }), { status: 409, body: { error: /exists already/ } })
  t.match(await api.delete('/providers/old'), { status: 409, body: { error: /still has domains/ } })
  const before = await rows(ferry.service, 'provider', 'list')
  t.match(before, [{ name: 'old', host: 'localhost', tls: 'implicit' }], 'and nothing was changed')
  t.equal(before.length, 1)
})

t.test('a provider is tested step by step, a password tried, and its health told', async (t) => {
  const steps = (await api.post('/providers/old/test')).body
  t.match(steps.at(2), { step: 'tls', ok: true, days_left: 29, milliseconds: Number })
  t.match(steps.at(-1), { step: 'refusal', ok: true, found: /refuses as expected/ })
  const tried = (username: string, password: string) => api.post('/providers/old/sign-in', { username, password })
  t.match((await tried('anna@old.example', 'pw of anna')).body, { answer: 'yes', code: null, remedy: null })
  t.match((await tried('anna@old.example', 'wrong')).body, { answer: 'no', remedy: /check both/ })
  namesFields(t, await tried('', 'x'), 'username')
  await api.post('/providers', { name: 'away', host: '127.0.0.1', port: await freePort(), tls: 'none' })
  t.match(await api.post('/providers/away/sign-in', { username: 'a', password: 'b' }), {
    body: { answer: 'trouble', code: 'old-unreachable', remedy: /provider test/ },
  })
  t.match((await api.get('/health')).body, [
    { provider: 'away', reachable: false, failed_step: 'connect', latency_ms: null, days_left: null },
    { provider: 'old', reachable: true, failed_step: null, days_left: 29, breaker: 'closed', connections_in_use: 0 },
  ])
  await api.delete('/providers/away')
})

t.test('domains and accounts are changed as the commands do it', async (t) => {
  const books = { domain: 'Bücher.example', provider: 'old', new_domain: 'Books.example' }
  const row = { domain: 'xn--bcher-kva.example', provider: 'old', new_domain: 'books.example', closed: false }
  t.same(await api.post('/domains', books), { status: 201, body: row })
  t.same(await api.delete('/domains/b%C3%BCcher.example'), { status: 200, body: row })
  const anna = '/accounts/anna@old.example'
  const verdict = async (password: string) => (await ferry.service.passdb('anna@old.example', password)).body.verdict
  t.match((await api.post(`${anna}/disable`, { reason: 'on leave' })).body, { enabled: false })
  t.equal(await verdict('pw of anna'), 'disabled')
  t.match((await api.post(`${anna}/enable`)).body, { enabled: true })
  t.match((await api.post(`${anna}/quota`, { quota_bytes: 5000 })).body, { quota_bytes: 5000 })
  namesFields(t, await api.post(`${anna}/quota`, { quota_bytes: 0 }), 'quota_bytes')
  t.match((await api.post(`${anna}/quota`, { quota_bytes: null, reason: 'too small' })).body, { quota_bytes: null })
  t.match(await api.post(`${anna}/passwd`, { password: ' "ünï" ' }), { status: 200, body: { enabled: true } })
  t.equal(await verdict(' "ünï" '), 'ok')
  t.equal(await verdict('pw of anna'), 'mismatch')
})

t.test('long lists come in pages, each row once, in order', async (t) => {
  await query(
    ferry.service.dataDir,
    `insert into account (address, password_hash, password_source, home)
      select 'n' || lpad(n::text, 4, '0') || '@many.example', '', 'destination', '/nowhere/' || n from generate_series(1, 1500) as n;
    insert into audit (actor, action, subject) select 'tests', 'test', 's' || n from generate_series(1, 1500) as n`,
  )
  for (const [list, name, command] of [
    ['/accounts', 'address', ['account', 'list']],
    ['/audit', 'subject', ['audit', 'list']],
  ] as const) {
    const first = (await api.get(`${list}?limit=700`)).body
    const second = (await api.get(`${list}?limit=700&after=${encodeURIComponent(first.after)}`)).body
    const third = (await api.get(`${list}?limit=700&after=${encodeURIComponent(second.after)}`)).body
    const names = [first, second, third].flatMap(({ rows }) => rows.map((row: Record<string, string>) => row[name]))
    t.same(
      names,
      (await rows(ferry.service, ...command)).map((row: Record<string, string>) => row[name]),
      list,
    )
    t.match([first.before, third.after], [null, null], 'there is nothing before and after')
    t.same((await api.get(`${list}?limit=700&before=${encodeURIComponent(second.before)}`)).body, first, 'and back')
  }
  t.equal((await api.get('/accounts')).body.rows.length, 100, 'a hundred where nothing is said')
})

t.test('the audit is filtered by person, actor, kind and time', async (t) => {
  const bert = (await api.get('/audit?address=Bert@renamed.example')).body.rows
  t.match(bert, [{ subject: 'bert@new.example', action: 'migration.provision', actor: 'person' }])
  const both = (subject: string) => api.get(`/audit?address=bert@renamed.example&subject=${subject}`)
  t.match(await both('bert@new.example'), { status: 200, body: { rows: bert } })
  t.match(await both('old'), { status: 200, body: { rows: { length: 0 } } })
  const kind = (await api.get('/audit?action=domain.add&actor=api')).body.rows
  t.match(kind, [{ subject: 'xn--bcher-kva.example', action: 'domain.add', actor: 'api' }])
  t.same((await api.get('/audit?since=2099-01-01')).body, { rows: [], before: null, after: null })
})

t.test('the settings in force are told, secrets only as set or not', async (t) => {
  const { body } = await api.get('/settings')
  t.match(body, { POSTFERRY_DATA_DIR: ferry.service.dataDir, POSTFERRY_LOG_LEVEL: 'debug', DATABASE_URL: 'not set' })
})

t.end()
