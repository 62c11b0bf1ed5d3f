import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { startFerry } from '../support/ferry.ts'
import { seed } from '../support/seed.ts'
import { runPostferry } from '../support/service.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'pw of anna'] as const
const REASON = /the database has upgrade 9999_later\.sql, which this program does not know: run a newer/m

t.test('serve and sync leave with the reason when a newer program has upgraded the schema', async (t) => {
  const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(homes, 0o755)
  t.after(() => rmSync(homes, { recursive: true }))
  await using postgres = await startDebianPostgres()
  await using ferry = await startFerry(Object.fromEntries([ANNA]), {
    DATABASE_URL: postgres.url,
    POSTFERRY_HOME: `${homes}/%d/%n`,
  })
  const { service, old } = ferry
  await seed(old.port, ANNA, 3)
  t.match(await service.passdb(...ANNA), { status: 200 })
  const sync = startSync(service)
  await sync.seen(({ event, outcome }) => event === 'ended' && outcome === 'complete')

  await postgres.query(`insert into upgrade (number, name, sha256) values (9999, '9999_later.sql', 'x')`)
  t.equal(await sync.end, 69)
  t.match(sync.stderr, REASON)
  await until(() => REASON.test(service.log()), 'serve tells why it leaves')
  await until(() => !existsSync(`/proc/${service.pid}`), 'serve leaves')
  t.equal(await service.stop(), 69)
  t.match(await runPostferry(['sync', '--once'], service.environment), { exitCode: 69, stderr: REASON })

  await postgres.query('delete from upgrade where number = 9999')
  await service.start()
  t.match(await service.passdb(...ANNA), { status: 200 })
})
