import t from 'tap'
import { TEST_LIMITS } from '../../src/operations/provider-login-test.ts'
import { type AdminApi, adminApi } from '../support/admin.ts'
import { COMPILED } from '../support/compiled.ts'
import { type Ferry, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { until } from '../support/until.ts'
import { HttpWire, request } from './http-wire.ts'

const PEOPLE = { 'anna@old.example': 'pw of anna', 'bert@renamed.example': 'pw of bert' }
let ferry: Ferry
let api: AdminApi
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
  api = adminApi(ferry.service)
  for (const [user, password] of Object.entries(PEOPLE)) await ferry.service.passdb(user, password)
})
t.after(() => ferry[Symbol.asyncDispose]())

const shown = (address: string) => rows(ferry.service, 'migration', 'show', address)

t.test('everything about a migration is told', async (t) => {
  const { attempts, ledger, ...fields } = await shown('bert@new.example')
  t.match((await api.get('/migrations/bert@renamed.example')).body, {
    ...fields,
    ...{ attempts: [], ledger: null, differences: { rows: [], next: null } },
    audit: [{ action: 'migration.provision', actor: 'person' }],
  })
  t.match(await api.get('/migrations/nobody@old.example'), { status: 404, body: { error: /nobody@old\.example/ } })
})

t.test('attempts and the ledger are told, its differences in parts', async (t) => {
  const id = (await shown('anna@old.example')).id
  await query(
    ferry.service.dataDir,
    `insert into attempt (migration_id, host, started_at, ended_at, outcome, folders, messages, output)
      select ${id}, 'copyhost', now(), now() + interval '90 s', 'complete', 2, n, 'line ' || n from generate_series(1, 12) as n;
    insert into ledger (migration_id, taken_at, seconds, code, fetched) values (${id}, now(), 1.5, 'differs', 7);
    insert into ledger_folder
      (migration_id, name, directory, state, messages, proved, counts, extra, duplicated, proved_uids, accepted_uids)
      values (${id}, 'Entw&APw-rfe', '.x', 'there', 9, 6, '{"missing":3,"waiting":0,"altered":0,"date":0,"flags":0,
        "unreadable":0,"moved":0,"removed":0,"reflagged":0,"accepted":0}', 0, 0, '1:6', '');
    insert into ledger_difference (migration_id, number, kind, folder, uid, message_id, date, size, old, now)
      select ${id}, n, 'missing', 'Entw&APw-rfe', n, '<script>' || n, now(), 10, 'there', 'nowhere' from generate_series(0, 2) as n`,
  )
  const of = async (part: string) => (await api.get(`/migrations/anna@old.example${part}`)).body
  const { attempts, ledger, differences } = await of('?differences_limit=2')
  t.equal(attempts.length, 10)
  t.match(attempts[0], { host: 'copyhost', seconds: 90, outcome: 'complete', messages: 12, output: 'line 12' })
  t.match(ledger, { clean: false, code: 'differs', messages: 9, proved: 6, faults: 3, counts: { missing: 3 } })
  t.match(ledger.folders, [{ name: 'Entwürfe', state: 'there', uid_validity: null }])
  t.match(differences, { rows: [{ uid: 0, folder: 'Entwürfe', message_id: '<script>0' }, { uid: 1 }], next: 2 })
  t.match((await of('?differences_from=2&differences_limit=2')).differences, { rows: [{ uid: 2 }], next: null })
  t.match(await api.get('/migrations/anna@old.example?differences_limit=x'), { status: 400 })
})

t.test('a migration is paused, resumed, retried and finished, each with its reason', async (t) => {
  const step = (verb: string, body?: object) => api.post(`/migrations/bert@new.example/${verb}`, body)
  t.match(await step('pause', { reason: 'on leave' }), {
    status: 200,
    body: { state: 'paused', paused_from: 'pending' },
  })
  t.match(await step('pause'), { status: 409, body: { error: /paused already/ } })
  t.match(await step('finish'), { status: 409, body: { error: /resume it first/ } })
  t.match(await step('resume'), { status: 200, body: { state: 'pending', finish_requested: false } })
  t.match(await step('retry'), { status: 200, body: { state: 'pending' } })
  t.match(await step('finish'), { status: 202, body: { state: 'pending', finish_requested: true } })
  t.match(await step('resume'), { status: 200, body: { finish_requested: false } }, 'which takes it back')
  t.match(await step('finish', { force: true, reason: 'agreed' }), {
    ...{ status: 200, body: { state: 'done', finish_requested: false, proof: /never compared/ } },
  })
  t.match(await step('resume'), { status: 409 })
  const entries = (await api.get('/audit?address=bert@new.example')).body.rows
  t.match(entries[0], { actor: 'api', action: 'migration.finish', reason: 'agreed' })
  t.match(entries.at(-2), { actor: 'api', action: 'migration.pause', reason: 'on leave' })
  t.match(await api.post('/migrations/nobody@new.example/pause'), { status: 404 })
  t.match(await step('pause', { reasn: 'x' }), { status: 400, body: { fields: { reasn: /not known/ } } })
})

t.test('another password of the source is kept only when the source accepts it', async (t) => {
  const set = (password: string) => api.post('/migrations/anna@old.example/set-password', { password })
  await ferry.old.setPassword('anna@old.example', 'renewed')
  t.match(await set('wrong'), { status: 409, body: { error: /refuses this password/ } })
  t.match(await set('renewed'), { status: 200, body: { address: 'anna@old.example' } })
  t.match(await set('two\nlines'), { status: 400, body: { fields: { password: /one line/ } } })
  await ferry.old.stop()
  t.match(await set('renewed'), { status: 503, body: { error: /could not be asked \(old-unreachable\)/ } })
  await ferry.old.start()
  for (let guess = 0; guess < TEST_LIMITS.person; guess++) await set(`guess ${guess}`)
  const asked = await ferry.old.loginCount()
  t.match(await set('renewed'), { status: 503, body: { error: /throttled/ } }, 'nobody guesses it')
  t.equal(await ferry.old.loginCount(), asked)
})

t.test('people of a file are expected: all of them, or nobody, or the good ones', async (t) => {
  const file = 'address,old_username\n"carl@old.example","<b>""C"" \'; --</b>"\nno address\n\ndora@nowhere.example\n'
  const bad = [
    { number: 3, reason: 'its address is no mail address' },
    { number: 5, reason: 'no provider serves its domain' },
  ]
  const found = { bad_lines: bad, lines: 3, bad: 2, awaited: 1, pending: 0, kept: 0 }
  t.same(await api.post('/import?dry_run=true', file), { status: 200, body: { ...found, written: false } })
  t.match(await api.post('/import', file), { status: 409, body: { ...found, error: /^2 of 3 lines/, written: false } })
  t.match(await api.get('/migrations/carl@old.example'), { status: 404 }, 'nobody is there yet')
  t.same(await api.post('/import?skip_bad=true&reason=list', file), { status: 200, body: { ...found, written: true } })
  const carl = (await api.get('/migrations/carl@old.example')).body
  t.match(carl, { state: 'awaited', old_username: '<b>"C" \'; --</b>', audit: [{ actor: 'api', reason: 'list' }] })
  t.same((await api.post('/import', file.split('\n').slice(0, 2).join('\n'))).body.kept, 1)
})

t.test('what is no such file is refused, and a slip in the options imports nothing', async (t) => {
  t.match(await api.post('/import', {}), { status: 415 })
  t.match(await api.post('/import', 'address,shoe_size\n'), { status: 400, body: { error: /header may name/ } })
  t.match(await api.post('/import', 'address\n'), { status: 400, body: { error: /names nobody/ } })
  const slip = await api.post('/import?dry_runn=true', 'erna@old.example\n')
  t.match(slip, { status: 400, body: { fields: { dry_runn: /not known/ } } })
  t.match(await api.get('/migrations/erna@old.example'), { status: 404 })
})

t.test('an import whose client has gone imports nobody', async (t) => {
  const people = Array.from({ length: 100_000 }, (_, number) => `p${number}@old.example\n`).join('')
  const head = { authorization: `Bearer ${api.token}`, 'content-type': 'text/csv' }
  const wire = await HttpWire.open(ferry.service.socket)
  wire.socket.write(request('/v1/admin/import', people, head))
  const gathering = `select from pg_class where relname = 'import_line'`
  const isRunning = async () => (await query(ferry.service.dataDir, gathering)).rowCount === 1
  await until(isRunning, 'the import runs')
  const second = await api.post('/import?dry_run=true', 'erna@old.example\n')
  t.match(second, { status: 409, body: { error: /another import is running/ } })
  wire.socket.destroy()
  await until(async () => !(await isRunning()), 'the import is over')
  const { rows: counted } = await query(
    ferry.service.dataDir,
    `select count(*)::int from migration where address like 'p%'`,
  )
  t.same(counted, [{ count: 0 }])
})

t.end()
