import t from 'tap'
import { type DebianPostgres, startDebianPostgres } from '../support/debian-postgres.ts'
import { startFerry } from '../support/ferry.ts'
import { get, runPostferry, startService } from '../support/service.ts'

let postgres: DebianPostgres
t.before(async () => {
  postgres = await startDebianPostgres()
})
t.after(() => postgres[Symbol.asyncDispose]())

t.test('a sign-in works on a PostgreSQL of one’s own, which starts empty', async (t) => {
  await using ferry = await startFerry({ 'anna@old.example': 'pw of anna' }, { DATABASE_URL: postgres.url })
  t.match(await ferry.service.passdb('anna@old.example', 'pw of anna'), { status: 200 })
  t.equal((await postgres.query('select address from account')).rows[0].address, 'anna@old.example')
  t.notOk(ferry.service.log().includes(postgres.password), 'the log does not tell the database’s password')
})

t.test(
  'while the database is away, readyz names it, livez stays, sign-ins are tempfail, and all recovers',
  async (t) => {
    await using service = await startService({ DATABASE_URL: postgres.url })
    t.match(await get(service.socket, '/readyz'), { status: 200, body: { status: 'ready' } })
    await postgres.stop()
    t.match(await get(service.socket, '/readyz'), { status: 503, body: { checks: { database: { ok: false } } } })
    t.match(await get(service.socket, '/healthz'), { status: 503, body: { checks: { 'seal-key': { ok: true } } } })
    t.match(await get(service.socket, '/livez'), { status: 200 })
    t.match(await service.passdb('anna@old.example', 'pw of anna'), {
      status: 503,
      body: { verdict: 'tempfail', code: 'database' },
    })
    await postgres.start()
    t.match(await get(service.socket, '/readyz'), { status: 200 })
    t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 200 })
  },
)

t.test('a database that does not answer is told soon: not ready, and sign-ins are tempfail', async (t) => {
  await using service = await startService({ DATABASE_URL: postgres.url })
  postgres.freeze()
  t.match(await get(service.socket, '/readyz'), {
    status: 503,
    // By a connection that is there, or by one that is opened for it.
    body: { checks: { database: { ok: false, reason: /no answer|timeout/ } } },
  })
  t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 503, body: { code: 'database' } })
  postgres.thaw()
  t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 200 })
})

t.test('a service that starts while the database is away is not ready, and becomes it', async (t) => {
  await postgres.stop()
  await using service = await startService({ DATABASE_URL: postgres.url })
  t.match(await get(service.socket, '/readyz'), { status: 503, body: { checks: { database: { ok: false } } } })
  t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 503, body: { code: 'database' } })
  await postgres.start()
  t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 200 })
})

t.test('a command tells in one line that the database is away, without its password', async (t) => {
  await postgres.stop()
  const { exitCode, stderr, stdout } = await runPostferry(['provider', 'list'], { DATABASE_URL: postgres.url })
  await postgres.start()
  t.equal(exitCode, 69)
  t.match(stderr, /^postferry: .*database.*\n$/)
  t.notOk((stdout + stderr).includes(postgres.password))
})

t.test('a schema from the future is not ready and not written to', async (t) => {
  await postgres.query(`insert into upgrade (number, name, sha256) values (9999, '9999_future.sql', 'x')`)
  await using service = await startService({ DATABASE_URL: postgres.url })
  t.match(await get(service.socket, '/readyz'), {
    status: 503,
    body: { checks: { database: { ok: true }, upgrades: { ok: false, reason: /9999_future\.sql/ } } },
  })
  t.match(await service.passdb('anna@old.example', 'pw of anna'), { status: 503, body: { code: 'database' } })
  t.match(await service.run(['provider', 'list']), { exitCode: 69, stderr: /9999_future\.sql/ })
  await postgres.query('delete from upgrade where number = 9999')
  t.match(await get(service.socket, '/readyz'), { status: 200 })
})

t.end()
