import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { moveProvider, mustRun, rows, startFerry } from '../support/ferry.ts'
import { changeFile, fileOf } from '../support/ledgers.ts'
import { query } from '../support/query.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { runPostferry } from '../support/service.ts'
import { startSync, syncOnce } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const DORA = ['dora@old.example', 'secret of dora'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([ANNA, BEN, CLEO, DORA]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of [ANNA, BEN] as const) {
  await seed(old.port, person, 5)
  await service.passdb(person[0], person[1])
}
await syncOnce(service)

const show = (address: string) => rows(service, 'migration', 'show', address)
/** As on the host that takes sign-ins, which cannot open a credential. */
const finishElsewhere = (address: string, ...options: string[]) =>
  runPostferry(['migration', 'finish', address, '--reason', 'agreed', ...options], {
    ...service.environment,
    POSTFERRY_IDENTITY_FILE: '/nowhere/identity',
  })
const queue = (address: string) => finishElsewhere(address, '--queue')

t.test('a host without the key asks, and sync finishes after an attempt and a ledger of its own', async (t) => {
  const before = await show(ANNA[0])
  const proofs = join(service.dataDir, 'offlineimap', `postferry-proofs-${before.id}.sqlite`)
  t.ok(existsSync(proofs))
  t.match(await queue(ANNA[0]), { exitCode: 0, stdout: /^postferry sync finishes the migration of anna@/ })
  t.match(await show(ANNA[0]), { state: 'synced', finish_requested: true })
  const sync = startSync(service, ['--once'])
  t.equal(await sync.end, 0, sync.stderr)
  t.match(sync.events, [{}, { address: ANNA[0], outcome: 'complete', finished: true, next: null }, { event: 'end' }])
  const after = await show(ANNA[0])
  t.match(after, {
    state: 'done',
    finish_requested: false,
    credential_sealed_at: null,
    attempts: [{ messages: 0 }, {}],
  })
  t.match(after.audit, [
    {
      action: 'migration.finish',
      actor: `sync on ${hostname()}`,
      detail: /^synced → done, the ledger of .* is clean$/,
    },
    { action: 'migration.request-finish', actor: /^cli:/, reason: 'agreed' },
    {},
  ])
  t.notOk(existsSync(proofs), 'nothing is left of what was read for its ledgers')
})

t.test(
  'a ledger that is not clean finishes nobody until somebody accepts it, and then the next job does',
  async (t) => {
    const file = await fileOf(join(homes, 'old.example', 'ben', 'Maildir'), '', 1)
    await changeFile(file, (bytes) => bytes.write('X', bytes.length - 3))
    await queue(BEN[0])
    t.match(await syncOnce(service), { [BEN[0]]: 'ledger-differs' })
    t.match(await show(BEN[0]), { state: 'pending', code: 'ledger-differs', finish_requested: true })
    t.same(await syncOnce(service), {}, 'its job is due later')
    await mustRun(service, 'verify', BEN[0], '--accept', '--reason', 'seen')
    t.match((await show(BEN[0])).audit, [{ action: 'migration.accept', actor: /^cli:/, reason: 'seen' }, {}, {}])
    t.match(await syncOnce(service), { [BEN[0]]: 'complete' }, 'it is due')
    t.match(await show(BEN[0]), { state: 'done' })
  },
)

t.test('a host without the key asks and waits for the worker elsewhere, which it names', async (t) => {
  await seed(old.port, DORA, 3)
  await service.passdb(...DORA)
  t.match(await finishElsewhere(DORA[0]), { exitCode: 75, stdout: '', stderr: /no "postferry sync" runs that could/ })
  t.match(await show(DORA[0]), { finish_requested: true }, 'what was asked for stays')
  await mustRun(service, 'migration', 'resume', DORA[0])
  t.match(await show(DORA[0]), { state: 'pending', finish_requested: false })
  const sync = startSync(service)
  await sync.seen(({ event, address }) => event === 'ended' && address === DORA[0])
  const { exitCode, stdout, stderr } = await finishElsewhere(DORA[0])
  t.equal(exitCode, 0, stderr)
  t.match(stdout, /dora@old\.example is done now; the ledger of .* is clean$/m)
  t.match(stderr, new RegExp(`waiting for postferry sync on ${hostname()}|${hostname()} copies it`))
  t.match((await show(DORA[0])).audit[0], { action: 'migration.finish', actor: `sync on ${hostname()}` })
  sync.kill('SIGTERM')
  await sync.end
})

t.test('while an attempt runs its messages are counted; whoever makes it by hand is told what it proved', async (t) => {
  await seed(old.port, CLEO, 80, ['INBOX'])
  await service.passdb(...CLEO)
  await queue(CLEO[0])
  await using slow = await startRelay(old.tlsPort, undefined, 100)
  await moveProvider(service, 'old', slow.port)
  const finish = service.run(['migration', 'finish', CLEO[0], '--reason', 'her wish'])
  const counts = new Set<number>()
  for (let running = true; running; ) {
    const { rows: seen } = await query(service.dataDir, 'select messages from attempt where ended_at is null')
    for (const { messages } of seen) counts.add(messages)
    running = await Promise.race([finish.then(() => false), wait(100, true)])
  }
  t.match(await finish, { exitCode: 0, stdout: /cleo@old\.example is done now; the ledger of .* is clean$/m })
  t.ok(
    [...counts].some((messages) => messages > 0),
    `seen on the way: ${[...counts]}`,
  )
  const { audit, ...done } = await show(CLEO[0])
  t.match(done, { state: 'done', attempts: [{ messages: 80 }] })
  t.match(audit[0], { action: 'migration.finish', actor: /^cli:/, reason: 'her wish' })
})

t.end()
