import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { get, startService } from '../support/service.ts'

const PEOPLE = Object.fromEntries(
  ['anna', 'ben', 'cleo', 'dora'].map((name) => [`${name}@old.example`, `pw of ${name}`]),
)

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const postgres = all.use(await startDebianPostgres())
const ferry = all.use(await startFerry(PEOPLE, { DATABASE_URL: postgres.url }))
const { service } = ferry
const recipientIn = (dataDir: string) => readFileSync(join(dataDir, 'recipients'), 'utf8').trim()
const before = recipientIn(service.dataDir)
// The host that takes sign-ins seals to what its settings say.
const signIns = all.use(await startService({ DATABASE_URL: postgres.url, POSTFERRY_RECIPIENTS: before }))

const signIn = (name: string) => signIns.passdb(`${name}@old.example`, `pw of ${name}`)
const drop = () => service.run(['key', 'rotate', '--drop-old'])
const keys = () => readFileSync(join(service.dataDir, 'identity'), 'utf8').match(/^AGE-SECRET-KEY-1/gm)?.length

t.test('an old key stays while any service that lives seals to it, and the refusal names its host', async (t) => {
  t.match(await signIn('anna'), { status: 200 })
  await mustRun(service, 'key', 'rotate')
  t.match(await drop(), {
    exitCode: 65,
    stderr: `still sealed to an old key on ${hostname()}: set POSTFERRY_RECIPIENTS`,
  })
  t.equal(keys(), 2)
  t.match(await signIn('ben'), { status: 200 }, 'and whoever comes is let in')
  t.match(await get(signIns.socket, '/readyz'), { status: 200 })
})

t.test(
  'a service that ended is not waited for; once the key is retired, nothing is kept that only it opens',
  async (t) => {
    await signIns.stop()
    t.match(await drop(), { exitCode: 65, stderr: /1 credentials are not sealed to the new key yet/ })
    await mustRun(service, 'key', 'rotate')
    t.match(await drop(), { exitCode: 0 })
    t.equal(keys(), 1)
    await signIns.start()
    t.match(await signIn('cleo'), { status: 503, body: { verdict: 'tempfail' } })
    t.equal((await rows(service, 'account', 'list')).length, 2, 'all or nothing')
    t.match(await signIn('anna'), { status: 200 }, 'who is here already is let in')
    t.match(await get(signIns.socket, '/readyz'), {
      status: 503,
      body: { checks: { 'seal-key': { ok: false, reason: /seals to a retired key: set POSTFERRY_RECIPIENTS/ } } },
    })
    const imported = await signIns.run(
      ['import', '-'],
      'address,old_username,old_password\ndora@old.example,,pw of dora\n',
    )
    t.match(imported, { exitCode: 78, stderr: /POSTFERRY_RECIPIENTS.*retired key/ })
  },
)

t.test('with the new key all is well, at once', async (t) => {
  await signIns.stop()
  signIns.environment.POSTFERRY_RECIPIENTS = recipientIn(service.dataDir)
  await signIns.start()
  t.match(await get(signIns.socket, '/readyz'), { status: 200 })
  t.match(await signIn('cleo'), { status: 200 })
  const { sealed } = await rows(service, 'key', 'show')
  t.same(sealed, [{ credentials: 3, sealed_to: [recipientIn(service.dataDir).slice(0, 16)] }])
})

t.test('a service that was killed is gone after a while', async (t) => {
  await mustRun(service, 'key', 'rotate')
  await signIns.stop('SIGKILL')
  t.match(await drop(), { exitCode: 0 })
  t.equal(keys(), 1)
})

t.end()
