import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type AdminApi, adminApi } from '../support/admin.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'

// Through the commands and the API: both are made of one record for each operation.

let ferry: Ferry
let api: AdminApi
t.before(async () => {
  ferry = await startFerry({ 'anna@renamed.example': 'pw of anna' })
  api = adminApi(ferry.service)
  await ferry.service.passdb('anna@renamed.example', 'pw of anna')
  await mustRun(ferry.service, 'domain', 'add', 'gone.example', '--provider', 'old')
})
t.after(() => ferry[Symbol.asyncDispose]())

const run = (...args: string[]) => ferry.service.run(['alias', ...args])
const list = () => rows(ferry.service, 'alias', 'list')
const auditOf = async (subject: string) => (await api.get(`/audit?subject=${subject}`)).body.rows

t.beforeEach(async () => {
  for (const { address } of await list()) await mustRun(ferry.service, 'alias', 'remove', address)
})

t.test('an alias is added and taken away, target by target, and the audit tells', async (t) => {
  const added = await rows(
    ...[ferry.service, 'alias', 'add', 'Sales@New.example'],
    ...['--target', 'anna@new.example', '--target', 'else@where.example', '--reason', 'as at the old server'],
  )
  t.same(added, {
    ...{ address: 'sales@new.example', targets: ['anna@new.example', 'else@where.example'] },
    unknown: ['else@where.example'],
  })
  t.match(await auditOf('sales@new.example'), [
    {
      action: 'alias.add',
      actor: /^cli:/,
      reason: 'as at the old server',
      detail: 'to anna@new.example, else@where.example',
    },
  ])
  const more = await api.post('/aliases', { address: 'sales@new.example', target: ['later@old.example'] })
  t.match(more, {
    status: 201,
    body: { targets: ['anna@new.example', 'else@where.example', 'later@old.example'], unknown: ['later@old.example'] },
  })
  t.match((await auditOf('sales@new.example'))[0], { actor: 'api', detail: 'to later@old.example' })
  t.same((await api.get('/aliases')).body, { rows: await list(), before: null, after: null })
  t.equal((await api.delete('/aliases/sales@new.example?target=later@old.example')).status, 200)
  t.match(await list(), [{ targets: ['anna@new.example', 'else@where.example'] }])
  t.match(
    (await run('remove', 'sales@new.example')).stdout,
    'mail for sales@new.example does not go to anna@new.example, else@where.example any more\n',
  )
  t.match((await auditOf('sales@new.example'))[0], { action: 'alias.remove', actor: /^cli:/ })
  t.same(await list(), [])
  t.match(await run('remove', 'sales@new.example'), { exitCode: 65, stderr: /there is no alias sales@new.example/ })
  t.match(await api.delete('/aliases/sales@new.example'), { status: 404 })
})

t.test('an address of a renamed domain is taken as the new one', async (t) => {
  await mustRun(ferry.service, 'alias', 'add', 'sales@renamed.example', '--target', 'anna@renamed.example')
  t.same(await list(), [{ address: 'sales@new.example', targets: ['anna@new.example'] }])
  await mustRun(ferry.service, 'alias', 'remove', 'sales@renamed.example', '--target', 'anna@renamed.example')
})

t.test('nothing is known of a target: it is told, as it may be a slip', async (t) => {
  const { stdout } = await run('add', 'sales@new.example', '--target', 'ann@old.example')
  t.equal(
    stdout,
    'mail for sales@new.example goes to ann@old.example; nothing is known here of ann@old.example: check the spelling\n',
  )
})

t.test('what would lose mail or send it round is refused, by command and API', async (t) => {
  await mustRun(ferry.service, 'alias', 'add', 'one@new.example', '--target', 'two@new.example')
  await mustRun(ferry.service, 'alias', 'add', 'two@new.example', '--target', 'three@new.example')
  const refused = [
    ['sales@elsewhere.example', 'anna@new.example', /its domain is none of ours/],
    ['anna@new.example', 'else@where.example', /a person's own address/],
    ['self@new.example', 'self@new.example', /in a circle/],
    ['three@new.example', 'one@new.example', /in a circle/],
    ['one@new.example', 'two@new.example', /goes to two@new.example already/],
  ] as const
  for (const [address, target, why] of refused) {
    t.match(await run('add', address, '--target', target), { exitCode: 65, stderr: why })
    t.match(await api.post('/aliases', { address, target: [target] }), { status: 409, body: { error: why } })
  }
  t.match(await run('add', 'sales', '--target', 'x'), { exitCode: 64, stderr: /mail address/ })
  t.match(await api.post('/aliases', { address: 'sales@new.example', target: [] }), { status: 400 })
  t.match(await list(), [{ address: 'one@new.example' }, { address: 'two@new.example' }])
})

t.test('in a domain that no provider serves any more, nobody unknown is a target', async (t) => {
  await mustRun(ferry.service, 'domain', 'remove', 'gone.example')
  await mustRun(ferry.service, 'alias', 'add', 'a@new.example', '--target', 'b@gone.example')
  await query(
    ferry.service.dataDir,
    `insert into account (address, password_hash, password_source, home)
      values ('carl@gone.example', 'x', 'destination', '/home/carl')`,
  )
  t.match(await run('add', 'sales@gone.example', '--target', 'carol@gone.example'), { stderr: /whom nobody knows/ })
  t.match(await run('add', 'sales@gone.example', '--target', 'carl@gone.example'), { exitCode: 0 })
})

const FILE =
  'alias,target\nsales@new.example,anna@new.example\nsales@new.example,x@where.example\nteam@new.example,sales@new.example\n'

t.test('a file of aliases is imported, all or none', async (t) => {
  const path = join(ferry.service.dataDir, 'aliases.csv')
  const load = async (text: string, ...options: string[]) => {
    writeFileSync(path, text)
    const ended = await ferry.service.run(['import', path, '--json', ...options])
    return { ...ended, result: ended.stdout === '' ? null : JSON.parse(ended.stdout) }
  }
  const good = { lines: 3, bad: 0, added: 3, kept: 0, unknown: ['x@where.example'] }
  t.match(await load(FILE, '--dry-run'), { exitCode: 0, result: { ...good, written: false } })
  t.same(await list(), [])
  const bad = `${FILE}anna@new.example,x@where.example\nnonsense,x@y.example\nloop@new.example,pool@new.example\npool@new.example,loop@new.example\n`
  const badLines = [
    { number: 5, reason: /own address/ },
    { number: 6, reason: /its alias is no mail address/ },
    { number: 7, reason: /circle/ },
    { number: 8, reason: /circle/ },
  ]
  t.match(await load(bad), { exitCode: 65, result: { bad_lines: badLines, lines: 7, bad: 4, written: false } })
  t.match(await api.post('/aliases/import', bad), { status: 409, body: { bad_lines: badLines, written: false } })
  t.same(await list(), [], 'nothing of it is there')
  t.match(await load('Target;Alias\r\nanna@new.example;sales@new.example\r\n'), { result: { added: 1, written: true } })
  t.match(await api.post('/aliases/import', FILE), { status: 200, body: { added: 2, kept: 1, written: true } })
  t.match(await list(), [
    { address: 'sales@new.example', targets: ['anna@new.example', 'x@where.example'] },
    { address: 'team@new.example', targets: ['sales@new.example'] },
  ])
  t.match(await load(FILE, '--skip-bad'), { exitCode: 64, stderr: /this file holds aliases/ })
  t.match(await load('alias,target\n'), { exitCode: 65, stderr: /names no alias/ })
  t.match(await api.post('/import', FILE), { status: 400, body: { error: /the file holds aliases/ } })
})

t.end()
