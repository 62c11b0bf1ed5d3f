import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { seed } from '../support/seed.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const people = [ANNA, BEN, CLEO] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries(people), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of people) {
  await seed(old.port, person, 5)
  await service.passdb(person[0], person[1])
}
for (const [address] of [ANNA, BEN]) await mustRun(service, 'sync', '--account', address)

const show = (address: string) => rows(service, 'migration', 'show', address)
const finish = (address: string, ...options: string[]) => service.run(['migration', 'finish', address, ...options])

t.test('what came to the source since the last attempt is brought before the credential is erased', async (t) => {
  await seed(old.port, ANNA, 3, ['Sent'])
  const { exitCode, stdout, stderr } = await finish(ANNA[0])
  t.equal(exitCode, 0, stderr)
  t.match(stdout, /is done now; the ledger of .* is clean/)
  t.match(await show(ANNA[0]), {
    state: 'done',
    ledger: { sentence: /clean: all 13 messages/ },
    attempts: [{ outcome: 'complete', messages: 3 }, {}],
    credential_sealed_at: null,
  })
  t.equal(filesOf(ANNA[0]), 13)
})

t.test('who has never been copied is copied first', async (t) => {
  t.match(await rows(service, 'migration', 'finish', CLEO[0]), { state: 'done' })
  t.equal(filesOf(CLEO[0]), 10)
})

t.test('while the source is away nobody is finished but by force; what is known is told', async (t) => {
  await old.stop()
  const { exitCode, stderr } = await finish(BEN[0])
  t.equal(exitCode, 75)
  t.match(stderr, /the last attempt for ben@old\.example ended with old-unreachable: it is tried again; .*; --force/)
  t.match(await show(BEN[0]), { state: 'synced', finish_requested: true }, 'the next attempt tries again')
  t.match(stderr, 'postferry migration resume ben@old.example')
  t.match(await rows(service, 'migration', 'resume', BEN[0]), { state: 'synced', finish_requested: false })
  await old.start()
})

t.test('a folder that is empty now keeps nobody from being synced, but from being finished', async (t) => {
  const inbox = join(homes, 'old.example', 'ben', 'Maildir')
  const aside = join(homes, 'aside')
  mkdirSync(aside)
  for (const part of ['cur', 'new']) renameSync(join(inbox, '.Sent', part), join(aside, part))
  for (const part of ['cur', 'new']) mkdirSync(join(inbox, '.Sent', part))
  t.match(await service.run(['verify', BEN[0]]), { exitCode: 0, stdout: /5 removed/ })
  const refused = await finish(BEN[0])
  t.match(refused, { exitCode: 65, stderr: /shrunk: of 10 .* \(Sent: 5 of 5\): .*; --force/ })
  t.match(await service.run(['sync', '--account', BEN[0]]), { exitCode: 75 })
  t.match(await show(BEN[0]), { state: 'pending', code: 'ledger-shrunk', finish_requested: true })
  await mustRun(service, 'migration', 'resume', BEN[0])
  for (const part of ['cur', 'new']) rmSync(join(inbox, '.Sent', part), { recursive: true })
  for (const part of ['cur', 'new']) renameSync(join(aside, part), join(inbox, '.Sent', part))
  t.match(await service.run(['sync', '--account', BEN[0]]), { exitCode: 0 })
  t.match(await show(BEN[0]), { state: 'synced', code: null, ledger: { sentence: /clean: all 10/ } })
})

t.test('what the destination has lost is seen also when the source has nothing new', async (t) => {
  const inbox = join(homes, 'old.example', 'ben', 'Maildir')
  for (const part of ['cur', 'new']) for (const name of readdirSync(join(inbox, part))) rmSync(join(inbox, part, name))
  for (const part of ['cur', 'new'])
    for (const name of readdirSync(join(inbox, '.Sent', part))) rmSync(join(inbox, '.Sent', part, name))
  const { exitCode, stderr } = await finish(BEN[0])
  t.equal(exitCode, 65)
  t.match(stderr, /shrunk: of 10 .*, 10 were on .* any more \(INBOX: 5 of 5, Sent: 5 of 5\): .*; --force/)
  t.match(await show(BEN[0]), { state: 'pending', code: 'ledger-shrunk', finish_requested: true })
  t.match(await finish(BEN[0], '--force'), { exitCode: 0, stdout: /done now; the ledger of .* shrunk: of 10 messages/ })
})

function filesOf(address: string): number {
  const [local = '', domain = ''] = address.split('@')
  const names = readdirSync(join(homes, domain, local, 'Maildir'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /(^|\/)(cur|new)\/./.test(name)).length
}

t.end()
