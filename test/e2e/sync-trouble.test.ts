import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { moveProvider, rows, startFerry } from '../support/ferry.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const MANY = 600

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([ANNA, BEN, CLEO]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry

const show = (address: string) => rows(service, 'migration', 'show', address)
const sync = (address: string) => service.run(['sync', '--account', address, '--json'])
const outcomeOf = (stdout: string) => JSON.parse(stdout.split('\n')[0] ?? '')

t.test(
  'a folder that source cannot read is named; the others get across, and it follows when it can be read',
  async (t) => {
    await seed(old.port, ANNA, 3, ['INBOX', 'Broken', 'Sent'])
    await service.passdb(...ANNA)
    const broken = join(old.home(ANNA[0]), 'mail', '.Broken')
    chmodSync(broken, 0)
    const { exitCode, stdout } = await sync(ANNA[0])
    t.equal(exitCode, 75)
    t.match(outcomeOf(stdout), { outcome: 'incomplete', messages: 6 })
    t.match(await show(ANNA[0]), { state: 'pending', attempts: [{ outcome: 'incomplete', output: /Broken/ }] })
    t.equal(filesOf(ANNA[0]).length, 6)
    const { stderr } = await service.run(['verify', ANNA[0]])
    t.match(stderr, /differs: .*1 folders missing or unreadable/)
    chmodSync(broken, 0o700)
    t.equal((await sync(ANNA[0])).exitCode, 0)
    t.match(await show(ANNA[0]), { state: 'synced', ledger: { sentence: /clean: all 9 messages in 3 folders/ } })
    t.equal(filesOf(ANNA[0]).length, 9)
  },
)

t.test('a source that goes away in the middle is gone on with later, and nothing comes twice', async (t) => {
  await seed(old.port, BEN, MANY, ['INBOX'])
  await service.passdb(...BEN)
  // Slow, so that the end comes while there is much to copy.
  const relay = await startRelay(old.tlsPort, undefined, 20)
  await moveProvider(service, 'old', relay.port)
  const worker = startSync(service, ['--account', BEN[0]])
  await until(() => filesOf(BEN[0]).length > 0, 'the first message')
  await relay[Symbol.asyncDispose]()
  t.equal(await worker.end, 75, worker.stderr)
  const cut = filesOf(BEN[0]).length
  t.ok(cut < MANY, `${cut} until then`)
  t.match(worker.events, [{ event: 'ended', outcome: 'old-unreachable' }])
  t.match(await show(BEN[0]), { state: 'pending', code: null })
  await moveProvider(service, 'old', old.tlsPort)
  t.equal((await sync(BEN[0])).exitCode, 0)
  t.match(await show(BEN[0]), { state: 'synced', ledger: { sentence: /clean: all 600 messages/ } })
  t.equal(filesOf(BEN[0]).length, MANY)
})

t.test('a source that is slow takes longer, and that is all', async (t) => {
  await seed(old.port, CLEO, 5)
  await service.passdb(...CLEO)
  await using slow = await startRelay(old.tlsPort, undefined, 200)
  await moveProvider(service, 'old', slow.port)
  const { exitCode, stdout, stderr } = await sync(CLEO[0])
  t.equal(exitCode, 0, stderr)
  t.match(outcomeOf(stdout), { outcome: 'complete', messages: 10 })
  t.ok(slow.connections() >= 3, 'the status check, the copy and the ledger')
  t.match(await show(CLEO[0]), { state: 'synced', ledger: { sentence: /clean: all 10 messages/ } })
  await moveProvider(service, 'old', old.tlsPort)
})

function filesOf(address: string): string[] {
  const maildir = join(homes, 'old.example', address.split('@')[0] ?? '', 'Maildir')
  if (!existsSync(maildir)) return []
  return readdirSync(maildir, { recursive: true, encoding: 'utf8' }).filter((name) => /(^|\/)(cur|new)\/./.test(name))
}

t.end()
