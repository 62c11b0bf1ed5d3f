import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { adminApi } from '../support/admin.ts'
import { certificates } from '../support/certificates.ts'
import { runPlainOfflineimap } from '../support/cron.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { startSource } from '../support/source-server.ts'
import { outcomes, startSync, syncOnce } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const PEOPLE = Object.fromEntries([ANNA, BEN])

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const { server: tls } = await certificates()
const ferry = all.use(await startFerry(PEOPLE, { POSTFERRY_HOME: `${homes}/%d/%n` }))
// Looks exactly like the source, and whoever runs it reads what is sent there.
const stranger = all.use(await startSource({ people: PEOPLE, tls }))
const { old, service } = ferry
const api = adminApi(service)
for (const person of [ANNA, BEN]) {
  await seed(old.port, person, 3)
  await service.passdb(person[0], person[1])
}

const home = { port: old.tlsPort, tls: 'implicit', ca_file: tls.ca }
const away = { port: stranger.tlsPort }
const pointTo = async (place: object) => {
  const { status, body } = await api.patch('/providers/old', place)
  if (status !== 200) throw new Error(JSON.stringify(body))
}
const migration = (address: string) => rows(service, 'migration', 'show', address)
const audited = async (action: string): Promise<Record<string, string>[]> => {
  const entries: Record<string, string>[] = await rows(service, 'audit', 'list')
  return entries.filter((entry) => entry.subject === 'old' && entry.action === action)
}
const approvals = () => join(service.dataDir, 'identity.endpoints')
const idOf = async (address: string) => (await migration(address)).id
const openFor = async (line: string) => JSON.parse((await service.run(['credential', 'open'], `${line}\n`)).stdout)

t.test('the first copy approves where the old server is, and leaves it in the audit', async (t) => {
  t.same(await syncOnce(service), { [ANNA[0]]: 'complete', [BEN[0]]: 'complete' })
  t.same(readdirSync(approvals()), ['old.json'])
  t.match(await audited('provider.trust'), [
    { actor: /^copying on /, detail: /^localhost port \d+ with TLS, trusting \// },
  ])
})

t.test('after a change no kept password goes anywhere, whichever way it is asked for', async (t) => {
  await seed(old.port, ANNA, 1)
  await pointTo(away)
  await query(service.dataDir, 'update job set due_at = now()')
  const sync = startSync(service, ['--once'])
  t.equal(await sync.end, 0)
  t.same(outcomes(sync), { [ANNA[0]]: 'endpoint-changed', [BEN[0]]: 'endpoint-changed' })
  const { state, code, remedy, attempts } = await migration(ANNA[0])
  t.match({ state, code, remedy }, { state: 'failed', code: 'endpoint-changed', remedy: /provider approve/ })
  t.match(attempts[0].output, `approved on this host is localhost port ${old.tlsPort} with TLS`)
  await mustRun(service, 'migration', 'retry', ANNA[0])
  t.match(await service.run(['verify', ANNA[0]]), { exitCode: 77, stderr: /postferry provider approve/ })
  t.match(await openFor(await idOf(ANNA[0])), { code: 'endpoint-changed', password: undefined })
  const plain = await runPlainOfflineimap(service)
  t.equal(plain.exitCode, 1)
  t.match(plain.stdout + plain.stderr, /"reason": "endpoint-changed"/)
  t.match(await service.run(['sync', '--account', ANNA[0]]), { exitCode: 65, stderr: /provider approve/ })
  t.equal(await stranger.loginCount(), 0)
  t.match(await service.run(['doctor']), {
    exitCode: 69,
    stdout: /nothing is copied: .*endpoints\/old\.json\)\n.*provider approve old/,
  })
})

t.test('an offlineimaprc that was made meanwhile opens nothing either', async (t) => {
  await mustRun(service, 'migration', 'retry', ANNA[0])
  const place = { host: 'localhost', port: stranger.tlsPort, tls: 'implicit', trusts: tls.ca }
  await pointTo(home)
  t.match(await openFor(await idOf(ANNA[0])), { user: ANNA[0] }, 'back where it was, all is well')
  t.match(await openFor(`${await idOf(ANNA[0])} ${JSON.stringify(place)}`), { code: 'endpoint-changed' })
  t.match(await service.run(['credential', 'open'], '1 nonsense\n'), {
    exitCode: 65,
    stderr: /behind 1 .* no endpoint/,
  })
})

t.test('nor does another name in the database, or the protection that is taken away', async (t) => {
  t.match(await api.patch('/providers/old', { tls: 'none' }), { status: 400, body: { fields: { tls: /clear/ } } })
  await pointTo({ tls: 'none', port: stranger.port, plain_text: true })
  t.match(await openFor(await idOf(ANNA[0])), { code: 'endpoint-changed' })
  await query(service.dataDir, `update provider set name = 'never-seen'`)
  t.match(await openFor(await idOf(ANNA[0])), { error: /another provider/ })
  await query(service.dataDir, `update provider set name = 'old'`)
  t.equal(await stranger.loginCount(), 0)
})

t.test('once somebody on this host has approved it, copying goes on by itself', async (t) => {
  await pointTo(home)
  await mustRun(service, 'migration', 'retry', '--all')
  await seed(stranger.port, ANNA, 5)
  const before = await stranger.loginCount()
  await pointTo(away)
  await query(service.dataDir, 'update job set due_at = now()')
  t.equal(await startSync(service, ['--once']).end, 0)
  t.match(await migration(BEN[0]), { state: 'failed', code: 'endpoint-changed' })
  const approved = await rows(service, 'provider', 'approve', 'old', '--reason', 'it has moved')
  t.match(approved, { provider: 'old', host: 'localhost', port: stranger.tlsPort, trusts: tls.ca, migrations: 2 })
  t.match(await audited('provider.approve'), [{ actor: /^cli:/, reason: 'it has moved', detail: /^localhost port/ }])
  for (const [address] of [ANNA, BEN]) t.match(await migration(address), { state: 'pending', code: null })
  const sync = startSync(service, ['--once'])
  t.equal(await sync.end, 0)
  t.not(outcomes(sync)[BEN[0]], 'endpoint-changed')
  t.ok((await stranger.loginCount()) > before)
})

t.test(
  'a first test that goes well approves too, a later one does not, and without the identity none does',
  async (t) => {
    await pointTo(home)
    rmSync(approvals(), { recursive: true })
    const identity = join(service.dataDir, 'identity')
    renameSync(identity, `${identity}.away`)
    t.notMatch(await mustRun(service, 'provider', 'test', 'old'), /kept passwords/)
    t.match(await service.run(['provider', 'approve', 'old']), { exitCode: 78, stderr: /no copying host/ })
    renameSync(`${identity}.away`, identity)
    await pointTo({ ca_file: null })
    t.equal((await service.run(['provider', 'test', 'old'])).exitCode, 69)
    t.throws(() => readdirSync(approvals()), { code: 'ENOENT' }, 'a test that fails approves nothing')
    await pointTo(home)
    t.match(await mustRun(service, 'provider', 'test', 'old'), /sends kept passwords to localhost port \d+ with TLS/)
    await pointTo(away)
    t.match(await mustRun(service, 'provider', 'test', 'old'), /only: postferry provider approve old\n$/)
    await mustRun(service, 'migration', 'retry', BEN[0])
    t.match(await openFor(await idOf(BEN[0])), { code: 'endpoint-changed' })
  },
)

t.end()
