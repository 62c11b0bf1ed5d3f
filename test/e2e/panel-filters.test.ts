import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { addAdministrators, OPERATOR } from '../support/panel.ts'
import { startService } from '../support/service.ts'
import { Visitor } from '../support/visitor.ts'

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const service = all.use(await startService())
await mustRun(service, 'provider', 'add', 'old', '--host', 'imap.old.example')
await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
await service.run(['import', '-'], 'anna@old.example\nben@old.example\n')
await addAdministrators(service, OPERATOR)
const operator = await Visitor.signedIn(service.url, OPERATOR)

const BAD: Readonly<Record<string, RegExp>> = {
  'state=nonsense': /State: It must be one of awaited, pending/,
  'state=failed&state=done': /That was not understood/,
  'provider=a%20b': /Provider: There is no provider a b/,
  'domain=two%20words': /Domain: It must be a mail domain/,
  'code=No%20code': /Code: It must be lower-case words/,
  'search=%00': /Search: It must be 1 to 1000 characters/,
  'sort=shoe_size': /Sort: It must be one of address/,
  'descending=up': /Descending: It must be one of true, false/,
  'stat=failed': /The list cannot be asked for “stat”/,
}

t.test('a filter that means nothing is refused, and never taken for everybody', async (t) => {
  for (const [query, text] of Object.entries(BAD)) {
    const reply = await operator.get(`/admin/migrations?${query}`)
    t.match(reply, { status: 400, text }, query)
    t.notMatch(reply.text, 'anna@old.example', query)
  }
  t.match(await operator.get('/admin/audit?actr=cli'), { status: 400, text: /cannot be asked for “actr”/ })
  const nowhere = await operator.get('/admin/migrations?provider=nobody')
  t.match(nowhere, { status: 400, text: /Provider: There is no provider nobody/ })
  t.match(await operator.get('/admin/migrations?state=done'), { status: 200, text: /No migration matches/ })
})

t.test('nor does it reach everybody when many are changed at once', async (t) => {
  const order = { action: 'pause', whom: 'all' }
  for (const filter of [{ state: 'nonsense' }, { domain: 'two words' }, { code: 'No code' }, { provider: 'a b' }]) {
    for (const path of ['/admin/migrations/bulk', '/admin/migrations/bulk/confirm'])
      t.match(await operator.post(path, { ...order, ...filter }), { status: 400 }, JSON.stringify(filter))
  }
  const states = (await rows(service, 'migration', 'list')).map(({ state }: { state: string }) => state)
  t.same(states, ['awaited', 'awaited'])
})

t.test('the order of the list is told to whoever cannot see the arrow', async (t) => {
  const heads = async (query: string) => {
    const { text } = await operator.get(`/admin/migrations?${query}`)
    return [...text.matchAll(/<th[^>]* aria-sort="(\w+)"[^>]*><a[^>]*>(\w+)/g)].map(([, order, title]) => [
      title,
      order,
    ])
  }
  t.same(await heads(''), [['Address', 'ascending']])
  t.same(await heads('sort=changed_at&descending=yes'), [['Changed', 'descending']])
})

t.test('what cannot be done leads back to where it was asked', async (t) => {
  const page = '/admin/migrations/anna@old.example'
  await operator.post(`${page}/pause`)
  const body = new URLSearchParams({ _csrf: await operator.token() })
  const reply = await operator.send(`${page}/pause`, body, { referer: `${service.url}${page}` })
  t.match(reply, { status: 409, text: `<a href="${page}">Back</a>` })
  const foreign = await operator.send(`${page}/pause`, body, { referer: 'https://evil.example/admin' })
  t.notMatch(foreign.text, 'Back')
})

t.test('blanks around what is searched for do not matter, in any interface', async (t) => {
  for (const query of ['search=%20anna%40old.example%20', 'search=%09ANNA', 'domain=%20old.example%20&search=anna']) {
    const { status, text } = await operator.get(`/admin/migrations?${query}`)
    t.equal(status, 200)
    t.match(text, 'anna@old.example', query)
    t.notMatch(text, 'ben@old.example', query)
  }
  t.match((await operator.get('/admin/migrations?search=%20%20')).text, 'ben@old.example', 'blanks alone are nothing')
  t.match(await rows(service, 'migration', 'list', '--search', ' anna '), [{ address: 'anna@old.example' }])
  const audit = (await operator.get('/admin/audit?subject=%20anna%40old.example%20')).text
  t.match(audit, 'migration.import')
})

t.end()
