import t from 'tap'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { post } from '../support/service.ts'

const PEOPLE = {
  'anna@old.example': 'correct horse',
  'bert@renamed.example': ' пароль "with" \\ {3} %s ',
  'carl@old.example': 'carl one',
  'dora@old.example': 'dora one',
  'emil@old.example': 'emil one',
  'five@old.example': 'five at once',
  'gone@old.example': 'never came',
  'hugo@old.example': 'hugo of the source',
}

let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE, { POSTFERRY_HOME: '/srv/mail/%d/%n' })
})
t.after(() => ferry[Symbol.asyncDispose]())

t.test('a first sign-in with the old password provisions the person', async (t) => {
  t.same(await ferry.service.passdb('Anna@OLD.example', 'correct horse'), {
    status: 200,
    body: {
      success: true,
      verdict: 'ok',
      user: 'anna@old.example',
      fields: { userdb_home: '/srv/mail/old.example/anna' },
    },
  })
  t.match(await rows(ferry.service, 'migration', 'list'), [
    {
      address: 'anna@old.example',
      old_username: 'anna@old.example',
      provider: 'old',
      state: 'pending',
      route: 'destination',
      code: null,
    },
  ])
  t.match(await rows(ferry.service, 'account', 'list'), [{ address: 'anna@old.example', enabled: true }])
})

t.test('a renamed person gets the new address, and may sign in by both', async (t) => {
  const password = PEOPLE['bert@renamed.example']
  t.match(await ferry.service.passdb('bert@renamed.example', password), {
    status: 200,
    body: { user: 'bert@new.example' },
  })
  const asked = await ferry.old.loginCount()
  t.match(await ferry.service.passdb('bert@new.example', password), { status: 200, body: { user: 'bert@new.example' } })
  t.equal(await ferry.old.loginCount(), asked, 'the second sign-in is decided locally')
  t.match(await rows(ferry.service, 'migration', 'show', 'bert@new.example'), { old_username: 'bert@renamed.example' })
})

t.test('wrong passwords, strangers and nonsense look the same, and leave nothing', async (t) => {
  const before = await rows(ferry.service, 'account', 'list')
  for (const [username, password] of [
    ['gone@old.example', 'wrong'],
    ['nobody@old.example', 'wrong'],
    ['anna@elsewhere.example', 'correct horse'],
    ['not an address', 'x'],
    ["anna@old.example' or 1=1 --", 'x'],
    ['anna@old.example', ' correct horse'],
    ['anna@old.example', 'correct horse\n'],
    ['anna@old.example', 'x'.repeat(2000)],
  ] as const) {
    const answer = await ferry.service.passdb(username, password)
    t.same(
      answer,
      { status: 401, body: { success: false, verdict: 'mismatch' } },
      `${username} ${password.slice(0, 20)}`,
    )
  }
  t.same(await rows(ferry.service, 'account', 'list'), before)
})

t.test('five first sign-ins at once make one account and ask the source once', async (t) => {
  const asked = await ferry.old.loginCount()
  const five = Array.from({ length: 5 }, () => ferry.service.passdb('five@old.example', 'five at once'))
  for (const { body } of await Promise.all(five)) t.match(body, { verdict: 'ok', user: 'five@old.example' })
  t.equal(await ferry.old.loginCount(), asked + 1)
  const migrations = await rows(ferry.service, 'migration', 'list')
  t.equal(migrations.filter(({ address }: { address: string }) => address === 'five@old.example').length, 1)
})

t.test('a password changed at the source takes over', async (t) => {
  await ferry.service.passdb('carl@old.example', 'carl one')
  await ferry.old.setPassword('carl@old.example', 'carl two')
  t.match(await ferry.service.passdb('carl@old.example', 'carl two'), { status: 200 })
  t.match(await ferry.service.passdb('carl@old.example', 'carl one'), { status: 401 })
})

t.test('a password set on the destination is never overruled by the source', async (t) => {
  await ferry.service.passdb('dora@old.example', 'dora one')
  const set = await ferry.service.run(['account', 'passwd', 'dora@old.example'], 'dora of the destination\n')
  t.equal(set.exitCode, 0, set.stderr)
  t.match(await ferry.service.passdb('dora@old.example', 'dora of the destination'), { status: 200 })
  t.match(await ferry.service.passdb('dora@old.example', 'dora one'), { status: 401 })
})

t.test('a disabled person is told so, and let in again when enabled', async (t) => {
  await ferry.service.passdb('emil@old.example', 'emil one')
  await mustRun(ferry.service, 'account', 'disable', 'emil@old.example')
  t.same(await ferry.service.passdb('emil@old.example', 'emil one'), {
    status: 403,
    body: { success: false, verdict: 'disabled' },
  })
  await mustRun(ferry.service, 'account', 'enable', 'emil@old.example')
  t.match(await ferry.service.passdb('emil@old.example', 'emil one'), { status: 200 })
})

t.test('a finished migration keeps the password and ends the source’s say', async (t) => {
  await ferry.service.passdb('hugo@old.example', 'hugo of the source')
  await mustRun(ferry.service, 'migration', 'finish', 'hugo@old.example', '--force')
  await ferry.old.setPassword('hugo@old.example', 'changed too late')
  t.match(await ferry.service.passdb('hugo@old.example', 'hugo of the source'), { status: 200 })
  t.match(await ferry.service.passdb('hugo@old.example', 'changed too late'), { status: 401 })
})

t.test('a domain is not renamed twice over', async (t) => {
  for (const [name, newDomain] of [
    ['new.example', 'third.example'],
    ['first.example', 'renamed.example'],
  ] as const) {
    const added = await ferry.service.run(['domain', 'add', name, '--provider', 'old', '--new-domain', newDomain])
    t.match(added, { exitCode: 65, stderr: /becomes new\.example already/ })
  }
})

t.test('userdb finds provisioned people by both addresses, and nobody else', async (t) => {
  const userdb = (username: string) => post(ferry.service.socket, '/v1/userdb', { username })
  const found = {
    status: 200,
    body: { found: true, fields: { user: 'bert@new.example', home: '/srv/mail/new.example/bert' } },
  }
  t.same(await userdb('bert@new.example'), found)
  t.same(await userdb('BERT@renamed.example'), found)
  for (const username of ['gone@old.example', 'x@elsewhere.example', '../..@old.example']) {
    t.same(await userdb(username), { status: 404, body: { found: false } }, username)
  }
})

t.test('with the source away a provisioned person gets in, and nobody is called wrong', async (t) => {
  await ferry.old.stop()
  t.match(await ferry.service.passdb('anna@old.example', 'correct horse'), { status: 200 })
  const trouble = { status: 503, body: { success: false, verdict: 'tempfail', code: 'old-unreachable' } }
  t.same(await ferry.service.passdb('gone@old.example', 'never came'), trouble, 'a newcomer')
  t.same(await ferry.service.passdb('anna@old.example', 'perhaps a new one'), trouble, 'a provisioned person')
  await ferry.old.start()
  t.match(await ferry.service.passdb('gone@old.example', 'never came'), { status: 200 })
})

t.end()
