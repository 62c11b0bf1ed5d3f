import t, { type Test } from 'tap'
import { type AdminApi, adminApi } from '../support/admin.ts'
import { COMPILED } from '../support/compiled.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { type RunningService, startService } from '../support/service.ts'

let service: RunningService
let api: AdminApi
t.before(async () => {
  service = await startService(COMPILED)
  api = adminApi(service)
  for (const name of ['old', 'isp']) {
    await mustRun(service, 'provider', 'add', name, '--host', `${name}.example`)
    const renamed = name === 'old' ? ['--new-domain', 'new.example'] : []
    await mustRun(service, 'domain', 'add', `${name}.example`, '--provider', name, ...renamed)
  }
})
t.after(() => service[Symbol.asyncDispose]())

/** 1,200 people of `old`, every third of whom has failed, and 100 who are expected from `isp`. */
t.beforeEach(async () => {
  await query(
    service.dataDir,
    `delete from migration;
    insert into migration (address, provider_id, old_domain, old_username, state, code, route, home)
      select 'p' || lpad(n::text, 4, '0') || '@new.example', provider.id, 'old.example', 'p' || n || '@old.example',
        case n % 3 when 0 then 'failed' else 'pending' end, case n % 3 when 0 then 'new-full' end, 'destination', '/nowhere/' || n
      from generate_series(1, 1200) as n join provider on name = 'old';
    insert into migration (address, provider_id, old_domain, old_username, state, route)
      select 'q' || n || '@isp.example', provider.id, 'isp.example', 'q' || n || '" <b>', 'awaited', 'destination'
      from generate_series(1, 100) as n join provider on name = 'isp'`,
  )
})

/** The addresses of all pages, read forwards. */
async function addressesOf(t: Test, question: string): Promise<string[]> {
  const addresses: string[] = []
  let after: string | null = ''
  while (after !== null) {
    const cursor: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`
    const { status, body } = await api.get(`/migrations?${question}${cursor}`)
    if (!t.equal(status, 200, `${question}${cursor}`)) return []
    addresses.push(...body.rows.map(({ address }: { address: string }) => address))
    after = body.after
  }
  return addresses
}

t.test('migrations are listed in pages, filtered and sorted, as the command lists them', async (t) => {
  const all = await rows(service, 'migration', 'list')
  t.equal(all.length, 1300)
  t.same((await api.get('/migrations')).body.rows, all.slice(0, 100), 'a hundred where nothing is said')
  const addresses: string[] = all.map(({ address }: { address: string }) => address)
  t.same(await addressesOf(t, 'limit=700'), addresses)
  t.same(await addressesOf(t, 'limit=700&descending=true'), addresses.toReversed())
  t.equal((await addressesOf(t, 'limit=1000&state=failed&code=new-full&provider=old&domain=Old.example')).length, 400)
  t.equal((await addressesOf(t, 'state=awaited&never_came=true')).length, 100)
  t.same(await addressesOf(t, `search=${encodeURIComponent('Q7" <B')}`), ['q7@isp.example'])
  t.same(await addressesOf(t, 'search=%20q7@%20'), ['q7@isp.example'])
  const isExpected = (address: string) => address.endsWith('@isp.example')
  t.ok((await addressesOf(t, 'sort=state')).slice(0, 100).every(isExpected))
  t.ok((await addressesOf(t, 'limit=1000&sort=provider&descending=true')).slice(-100).every(isExpected))
})

t.test('what a question for a list says wrong is named', async (t) => {
  const wrong: [string, string][] = [
    ['state', 'nonsense'],
    ['sort', 'shoe_size'],
    ['descending', 'perhaps'],
    ['domain', 'two%20words'],
    ['code', 'Not%20A%20Code'],
    ['search', '%00'],
    ['limit', '1001'],
    ['statee', 'failed'],
  ]
  for (const [field, value] of wrong) {
    const { status, body } = await api.get(`/migrations?${field}=${value}`)
    t.same({ status, fields: Object.keys(body.fields ?? {}) }, { status: 400, fields: [field] }, field)
  }
  const { status, body } = await api.get('/migrations?provider=nobody&domain=two%20words&code=%20&search=')
  t.equal(status, 400)
  t.same(Object.keys(body.fields).sort(), ['code', 'domain', 'provider', 'search'])
  t.equal(body.fields.provider, 'There is no provider nobody.')
  t.match(await api.get('/migrations?after=nowhere'), { status: 409, body: { error: /no such cursor/ } })
})

t.test('many take a step at once, as the preview has said', async (t) => {
  const bulk = (body: object) => api.post('/migrations/bulk', body)
  const question = { action: 'pause', filter: { provider: 'old' }, reason: 'the night' }
  const outcome = {
    changed: [
      { from: 'failed', to: 'paused', count: 400 },
      { from: 'pending', to: 'paused', count: 800 },
    ],
    refused: [],
  }
  const sorted = (body: { changed: { from: string }[] }) => ({
    ...body,
    changed: body.changed.toSorted((one, other) => (one.from < other.from ? -1 : 1)),
  })
  t.same(sorted((await bulk({ ...question, dry_run: true })).body), { dry_run: true, ...outcome })
  t.equal((await addressesOf(t, 'limit=1000&state=paused')).length, 0, 'a preview changes nothing')
  t.same(sorted((await bulk(question)).body), { dry_run: false, ...outcome })
  t.equal((await addressesOf(t, 'limit=1000&state=paused')).length, 1200)
  t.match((await bulk(question)).body, { changed: [], refused: [{ reason: /paused already/, count: 1200 }] })
  const [entry] = (await api.get('/audit?limit=1&action=migration.pause')).body.rows
  t.match(entry, { actor: 'api', reason: 'the night', subject: /@new\.example/ })
})

t.test('those who are named take it, by their old addresses too', async (t) => {
  const addresses = ['p0001@new.example', 'P0002@Old.example', 'p0003@new.example', 'nobody@new.example']
  const { body } = await api.post('/migrations/bulk', { action: 'finish', addresses })
  t.match(body, { changed: [{ from: 'pending', to: 'pending', count: 2 }], refused: [{ reason: /failed/, count: 1 }] })
  t.same(await addressesOf(t, 'finish_requested=true'), ['p0001@new.example', 'p0002@new.example'])
})

t.test('nobody takes a step by a slip', async (t) => {
  const slips: [object, string][] = [
    [{ action: 'pause' }, 'addresses'],
    [{ action: 'pause', filter: {}, addresses: [] }, 'addresses'],
    [{ action: 'pause', filter: { statee: 'failed' } }, 'statee'],
    [{ action: 'pause', filter: { code: 'Not A Code' } }, 'code'],
    [{ action: 'close', filter: {} }, 'action'],
    [{ filter: {} }, 'action'],
    [{ action: 'pause', filter: {}, dryrun: true }, 'dryrun'],
    [{ action: 'pause', filter: {}, reason: '' }, 'reason'],
    [{ action: 'pause', addresses: ['p0001@new.example', 'anna'] }, 'addresses'],
    [{ action: 'pause', addresses: Array(1001).fill('p0001@new.example') }, 'addresses'],
  ]
  for (const [body, field] of slips) {
    const answer = await api.post('/migrations/bulk', body)
    t.match(answer, { status: 400, body: { fields: { [field]: String } } }, JSON.stringify(body).slice(0, 80))
  }
  t.match(await api.post('/migrations/bulk', { action: 'pause', filter: { provider: 'nobody' } }), {
    status: 400,
    body: { fields: { provider: 'There is no provider nobody.' } },
  })
  t.same(await addressesOf(t, 'state=paused'), [])
  t.match((await api.post('/migrations/bulk', { action: 'pause', filter: {} })).status, 200, 'everybody is meant by {}')
  t.equal((await addressesOf(t, 'limit=1000&state=paused')).length, 1300)
})

t.end()
