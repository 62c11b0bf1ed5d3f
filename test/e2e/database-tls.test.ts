import t, { type Test } from 'tap'
import { certificates } from '../support/certificates.ts'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { get, runPostferry } from '../support/service.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'pw of anna'] as const

for (const debian of bothDebians()) {
  t.test(`the PostgreSQL of Debian ${debian.release}, with TLS and SCRAM, serves as postferry's own does`, (t) =>
    signsIn(t, debian),
  )
}

async function signsIn(t: Test, debian: Debian): Promise<void> {
  const { server: tls, foreign } = await certificates()
  await using postgres = await startDebianPostgres({ debian, tls })
  const { rows } = await postgres.query(`select split_part(version(), ' ', 2) as version, ssl from pg_stat_ssl
    where pid = pg_backend_pid()`)
  t.match(rows, [{ version: debian.release === 12 ? /^15/ : /^17/, ssl: true }])
  await using ferry = await startFerry(Object.fromEntries([ANNA]), { DATABASE_URL: postgres.url })
  const { service } = ferry
  t.match(await get(service.socket, '/readyz'), { status: 200, body: { checks: { upgrades: { ok: true } } } })
  t.match(await service.passdb(...ANNA), { status: 200 })
  const secure = `select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid)
    where application_name ~ '^postferry'`
  t.same((await postgres.query(secure)).rows, [{ all: true }])

  // What is cached is forgotten because the listener hears of it.
  t.match(await service.run(['account', 'passwd', ANNA[0]], 'another one\n'), { exitCode: 0 })
  await until(async () => (await service.passdb(...ANNA)).status === 401, 'the cached password is forgotten')
  t.match(await service.passdb(ANNA[0], 'another one'), { status: 200 })
  t.equal(await mustRun(service, 'upgrade'), 'nothing to do\n')

  const untrusted = postgres.url.replace(tls.ca, foreign.ca)
  const refused = await runPostferry(['provider', 'list'], { ...service.environment, DATABASE_URL: untrusted })
  t.match(refused, { exitCode: 69, stderr: /^postferry: .*(certificate|issuer).*\n$/ })
  const plain = postgres.url.replace(/\?.*/, '')
  const open = await runPostferry(['provider', 'list'], { ...service.environment, DATABASE_URL: plain })
  t.match(open, { exitCode: 78, stderr: /DATABASE_URL: the database refuses it: .*no encryption/ })
  t.notOk((refused.stderr + open.stderr + service.log()).includes(postgres.password))
}

t.end()
