import { join } from 'node:path'
import t, { type Test } from 'tap'
import { adminApi } from '../support/admin.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { addAdministrators, OWNER } from '../support/panel.ts'
import { post } from '../support/service.ts'
import { SocketmapClient } from '../support/socketmap-client.ts'
import { Visitor } from '../support/visitor.ts'

const PEOPLE = { 'eva@renamed.example': 'pw of eva', 'late@renamed.example': 'pw of late' }

let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE)
  await ferry.service.passdb('eva@renamed.example', 'pw of eva')
  await mustRun(ferry.service, 'migration', 'finish', 'eva@new.example', '--force')
})
t.after(() => ferry[Symbol.asyncDispose]())

const run = (...args: string[]) => mustRun(ferry.service, ...args)
const domain = async () =>
  (await rows(ferry.service, 'domain', 'list')).find((one: { domain: string }) => one.domain === ROW.domain)
const ROW = { domain: 'renamed.example', new_domain: 'new.example', provider: 'old' }

async function ask(...requests: string[]): Promise<string[]> {
  await using client = await SocketmapClient.open(join(ferry.service.dataDir, 'socketmap.sock'))
  return await client.askAll(requests)
}

const verdictOn = async (username: string, password: string) => {
  const { body } = await ferry.service.passdb(username, password)
  return body.code ?? body.verdict
}

async function evaIsThere(t: Test): Promise<void> {
  for (const name of ['eva@renamed.example', 'eva@new.example']) {
    t.match(await ferry.service.passdb(name, 'pw of eva'), { status: 200, body: { user: 'eva@new.example' } }, name)
    t.match(await post(ferry.service.socket, '/v1/userdb', { username: name }), { status: 200 }, name)
    t.same(await ask(`recipient ${name}`), ['OK eva@new.example'])
  }
  t.same(await ask('domain renamed.example', 'domain new.example'), ['OK renamed.example', 'OK new.example'])
  t.same(await ask('alias eva@renamed.example'), ['OK eva@new.example'])
}

t.test('who came from a renamed domain is there by both names after it is closed', async (t) => {
  await evaIsThere(t)
  const said = await run('domain', 'remove', 'renamed.example')
  t.match(said, /^domain renamed\.example is closed: .*who is here stays, by renamed\.example and by new\.example\n$/)
  await evaIsThere(t)
  t.match(await rows(ferry.service, 'account', 'show', 'eva@renamed.example'), { address: 'eva@new.example' })
  t.equal(await verdictOn('eva@renamed.example', 'wrong'), 'mismatch')
})

t.test('nobody new comes from it, and mail for them does not wait for somebody to come', async (t) => {
  t.equal(await verdictOn('late@renamed.example', 'pw of late'), 'mismatch')
  t.equal(await verdictOn('late@new.example', 'pw of late'), 'mismatch')
  t.match(await ask('recipient late@old.example'), [/^TEMP /], 'as in a domain that is open')
  for (const name of ['late@renamed.example', 'late@new.example']) {
    t.same(await ask(`recipient ${name}`), ['NOTFOUND '], name)
    t.match(await post(ferry.service.socket, '/v1/userdb', { username: name }), { status: 404 })
  }
  const bad = await ferry.service.run(['import', '-'], 'address\nlate@renamed.example\n')
  t.match(bad, { exitCode: 65, stdout: /its domain is closed: open it with "postferry domain add"/ })
  const alias = ['alias', 'add', 'sales@new.example', '--target', 'late@new.example']
  t.match(await ferry.service.run(alias), { exitCode: 65, stderr: /somebody in our domains whom nobody knows/ })
})

t.test('that it is closed is shown everywhere', async (t) => {
  t.same(await domain(), { ...ROW, closed: true })
  t.match(await run('domain', 'list'), /renamed\.example +new\.example +old +yes/)
  t.match((await adminApi(ferry.service).get('/domains')).body, [{ closed: false }, { ...ROW, closed: true }])
  await addAdministrators(ferry.service, OWNER)
  const owner = await Visitor.signedIn(ferry.service.url, OWNER)
  t.match((await owner.get('/admin/providers')).text, /none: it is closed/)
  const doctor = await ferry.service.run(['doctor', '--json'])
  t.notMatch(doctor.stdout, /no domain comes from it/)
})

t.test('it is opened again as it was', async (t) => {
  const add = ['domain', 'add', 'renamed.example', '--provider', 'old']
  t.match(await ferry.service.run(add), {
    exitCode: 65,
    stderr: /is closed.*--provider old --new-domain new\.example\n$/,
  })
  t.same(await rows(ferry.service, ...add, '--new-domain', 'new.example'), { ...ROW, closed: false })
  await evaIsThere(t)
  t.equal(await verdictOn('late@renamed.example', 'pw of late'), 'ok')
})

t.end()
