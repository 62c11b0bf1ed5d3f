import t, { type Test } from 'tap'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { post } from '../support/service.ts'

// What Dovecot is answered about people who work on the old server still, and while a flip holds them.

const ANNA = 'anna@renamed.example'
const ANNA_HERE = 'anna@new.example'
const PASSWORD = 'pw of anna'

t.test('people who are proxied', async (t) => {
  await using ferry = await startFerry({ [ANNA]: PASSWORD })
  const { service, old } = ferry
  const how = ['--cutover', 'proxied', '--flip', 'manual', '--engine', 'doveadm', '--pop3-port', '1995']
  await mustRun(service, 'provider', 'set', 'old', ...how, '--mx', 'mx.old.example')
  const ask = (service: string, password = PASSWORD) => {
    return post(ferry.service.socket, '/v1/passdb', { username: ANNA, password, service })
  }
  const proxied = { proxy: 'y', host: 'localhost', destuser: ANNA, proxy_timeout: '10' }

  await t.test('go on to the old server with what they have typed', async (t) => {
    t.same(await ask('imap', 'wrong'), { status: 401, body: { success: false, verdict: 'mismatch' } })
    for (const [name, fields] of [
      ['imap', { port: `${old.tlsPort}`, ssl: 'yes' }],
      ['pop3', { port: '1995', ssl: 'yes' }],
      ['sieve', { port: '4190', starttls: 'yes' }],
    ] as const) {
      const { status, body } = await ask(name)
      t.same([status, body.user, body.fields], [200, ANNA_HERE, { ...proxied, ...fields }], name)
      t.same((await ask(name)).body.fields, body.fields, 'from the auth cache, too')
      t.equal((await ask(name, 'wrong')).status, 401)
    }
    t.match(await rows(service, 'migration', 'show', ANNA), { route: 'source', ready: false, flip_requested: false })
  })

  await t.test('send from here', async (t) => {
    for (const name of ['smtp', 'submission']) {
      t.same(Object.keys((await ask(name)).body.fields), ['userdb_home'], name)
      t.equal((await ask(name, 'wrong')).status, 401)
    }
  })

  await t.test('get no password here, and are not finished by force', async (t) => {
    const set = await service.run(['account', 'passwd', ANNA_HERE], 'another one\n')
    t.match(set, { exitCode: 65, stderr: /works on the old server still/ })
    t.match(await service.run(['migration', 'finish', ANNA_HERE, '--force']), { stderr: /flip first$/m })
  })

  await t.test('wait while a flip holds them', (t) => held(t, ferry, ask))
})

async function held(t: Test, { service }: Ferry, ask: (service: string) => ReturnType<typeof post>): Promise<void> {
  const delivery = () => post(service.socket, '/v1/delivery', { username: ANNA })
  t.match(await delivery(), { status: 200, body: { fields: { proxy: 'y', host: 'mx.old.example' } } })
  const route = (route: string) => query(service.dataDir, 'update migration set route = $1', [route])
  await query(
    service.dataDir,
    `insert into flip (migration_id, held_until) select id, now() + interval '1 hour' from migration`,
  )
  await route('held')
  t.match(await ask('smtp'), { status: 200 }, 'who sends does not wait')
  let isAnswered = false
  const waiting = ask('imap').finally(() => {
    isAnswered = true
  })
  t.same(await delivery(), { status: 503, body: { code: 'held' } }, 'mail waits for a moment, and comes again')
  t.notOk(isAnswered, 'whoever signs in waits')
  await route('destination')
  t.match(await waiting, { status: 200, body: { fields: { userdb_home: /anna/ } } }, 'and is here then')
  t.same(await delivery(), { status: 200, body: { found: true, fields: {} } })

  await route('held')
  await query(service.dataDir, 'update flip set held_until = now()')
  t.match(await ask('pop3'), { status: 200, body: { fields: { proxy: 'y' } } }, 'a hold whose time is over is none')
  t.match(await rows(service, 'migration', 'show', ANNA_HERE), { route: 'source' })
  t.same((await query(service.dataDir, 'select * from flip')).rows, [])
}
