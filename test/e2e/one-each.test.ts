import t from 'tap'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'

// Two people never get one home, and one mailbox of the old server never becomes two accounts.

const PEOPLE = {
  'anna@old.example': 'anna one',
  'anna@renamed.example': 'anna two',
  karl: 'karl of the short name',
  lena: 'lena of the short name',
}

let ferry: Ferry
let add: (...args: string[]) => ReturnType<Ferry['service']['run']>
t.before(async () => {
  ferry = await startFerry(PEOPLE, { POSTFERRY_HOME: '/srv/mail/%d/%n' })
  add = (...args) => ferry.service.run(['domain', 'add', ...args])
})
t.after(() => ferry[Symbol.asyncDispose]())

const verdictOn = async (username: string, password: string) => {
  const { body } = await ferry.service.passdb(username, password)
  return body.code ?? body.verdict
}
const collisions = async (check: string) => {
  const findings = JSON.parse((await ferry.service.run(['doctor', '--json'])).stdout)
  return findings.filter((finding: { check: string }) => finding.check === check)
}

t.test('a provider that is asked without the domain serves a second one only when its people are one', async (t) => {
  const { old, service } = ferry
  const place = ['--host', 'localhost', '--port', `${old.tlsPort}`, '--ca-file', old.ca, '--login-name', '%n']
  await mustRun(service, 'provider', 'add', 'short', ...place)
  t.match(await add('a.example', '--provider', 'short'), { exitCode: 0 })
  t.match(await add('b.example', '--provider', 'short'), {
    exitCode: 65,
    stderr: /anna@b\.example and anna@a\.example for one person.*--shared-names/,
  })
  t.match(await add('alias.example', '--provider', 'short', '--new-domain', 'a.example'), { exitCode: 0 })
  t.equal(await verdictOn('karl@a.example', PEOPLE.karl), 'ok')
  t.equal(await verdictOn('karl@alias.example', PEOPLE.karl), 'ok', 'one person with two domains')
  t.match(await add('b.example', '--provider', 'short', '--shared-names'), { exitCode: 0 })
  t.equal(await verdictOn('karl@b.example', 'wrong'), 'mismatch')
  t.equal(await verdictOn('karl@b.example', PEOPLE.karl), 'collision')
  t.equal(await verdictOn('lena@b.example', PEOPLE.lena), 'ok')
  t.equal(await verdictOn('lena@a.example', PEOPLE.lena), 'collision')
  t.equal(await verdictOn('karl@a.example', PEOPLE.karl), 'ok', 'who has it keeps it')
  t.match(await collisions('collision'), [
    { found: 'lena of short would be lena@a.example, and is lena@b.example already' },
    { found: 'karl of short would be karl@b.example, and is karl@a.example already', remedy: /old user name/ },
  ])
  const import_ = await ferry.service.run(['import', '-', '--dry-run'], 'address,old_username\nmia@a.example,karl\n')
  t.match(import_, { exitCode: 65, stdout: /line 2: karl@a\.example is the same user on the old server already/ })
})

t.test('a template that gives two people one home lets the second one not in, and is told', async (t) => {
  t.equal(await verdictOn('anna@old.example', 'anna one'), 'ok')
  await ferry.service.stop()
  ferry.service.environment.POSTFERRY_HOME = '/srv/mail/old.example/%n'
  await ferry.service.start()
  t.equal(await verdictOn('anna@renamed.example', 'anna two'), 'collision')
  t.match(ferry.service.log(), /"code":"collision"/)
  t.equal(await verdictOn('anna@old.example', 'anna one'), 'ok')
  t.same(
    (await rows(ferry.service, 'account', 'list')).filter(({ home }: { home: string }) => home.endsWith('/anna'))
      .length,
    1,
  )
  t.match(await collisions('homes'), [{ result: 'fail', found: /one home/, remedy: /put %d or %u into it/ }])
  t.match(await collisions('collision'), [
    { found: /with a home that is anna@old\.example's/, remedy: /POSTFERRY_HOME/ },
    {},
    {},
  ])
  t.match(await add('third.example', '--provider', 'old'), { exitCode: 65, stderr: /would share a home: put %d or %u/ })
  await ferry.service.stop()
  ferry.service.environment.POSTFERRY_HOME = '/srv/mail/%d/%n'
  await ferry.service.start()
  t.equal(await verdictOn('anna@renamed.example', 'anna two'), 'ok')
  t.same(await collisions('homes'), [])
})

t.end()
