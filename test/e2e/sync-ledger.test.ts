import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { changeFile, fileOf } from '../support/ledgers.ts'
import { seed } from '../support/seed.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry({ [ANNA[0]]: ANNA[1] }, { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
await seed(old.port, ANNA, 10)
await service.passdb(...ANNA)
await mustRun(service, 'sync', '--account', ANNA[0])

const migration = () => rows(service, 'migration', 'show', ANNA[0])
const sync = () => service.run(['sync', '--account', ANNA[0], '--json'])
const finish = (...options: string[]) => service.run(['migration', 'finish', ANNA[0], ...options])

t.test('a copy that differs from the source is not called synced, says what to do, and is tried again', async (t) => {
  t.match(await migration(), { state: 'synced', ledger: { sentence: /clean: all 20 messages/ } })
  const file = await fileOf(join(homes, 'old.example', 'anna', 'Maildir'), '', 1)
  await changeFile(file, (bytes) => bytes.write('X', bytes.length - 3))
  await seed(old.port, ANNA, 1, ['Sent'])
  const { exitCode, stdout } = await sync()
  t.equal(exitCode, 75)
  t.match(JSON.parse(stdout.split('\n')[0] ?? ''), { outcome: 'ledger-differs', messages: 1 })
  t.match(await migration(), {
    ...{
      state: 'pending',
      code: 'ledger-differs',
      remedy: /postferry verify/,
      ledger: { sentence: /differs: .* 1 altered/ },
    },
    attempts: [{ outcome: 'ledger-differs', output: /the ledger differs: of 21 messages in 2 folders, 1 altered/ }],
  })
  t.match(await rows(service, 'migration', 'list', '--code', 'ledger-differs'), [{ address: ANNA[0] }])
})

t.test('it is finished by force only, until somebody accepts what differs', async (t) => {
  t.match(await finish(), { exitCode: 65, stderr: /1 altered: .*; --force/ })
  t.equal((await service.run(['migration', 'resume', ANNA[0]])).exitCode, 0)
  t.match((await service.run(['verify', ANNA[0], '--accept'])).exitCode, 0)
  t.equal((await sync()).exitCode, 0)
  t.match(await migration(), { state: 'synced', code: null, remedy: null })
})

t.test('a file that cannot be read ends the attempt, names it, and counts as a failure', async (t) => {
  const file = join(homes, 'old.example', 'anna', 'Maildir', 'cur', '1.unreadable:2,S')
  symlinkSync(join(homes, 'gone'), file)
  await seed(old.port, ANNA, 1, ['Sent'])
  const { exitCode, stdout } = await sync()
  t.equal(exitCode, 75)
  t.match(JSON.parse(stdout.split('\n')[0] ?? ''), { outcome: 'incomplete', messages: 1 })
  const [last] = (await migration()).attempts
  t.match(last, { outcome: 'incomplete', messages: 1 })
  t.match(last.output, `an error ended it: ENOENT ${file}`)
  rmSync(file)
  t.equal((await sync()).exitCode, 0)
  t.match(await migration(), { state: 'synced' })
})

t.test('a finished migration leaves nothing of what was read for its ledgers', async (t) => {
  const { id } = await migration()
  const proofs = join(service.dataDir, 'offlineimap', `postferry-proofs-${id}.sqlite`)
  t.ok(existsSync(proofs), 'it was there')
  t.match(await finish(), { exitCode: 0, stdout: /done now; the ledger of .* is clean/ })
  t.notOk(existsSync(proofs))
})

t.end()
