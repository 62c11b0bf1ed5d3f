import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { EMIT } from '../support/program.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { runPostferry, runProgram } from '../support/service.ts'
import { syncOnce } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const

const { mail: owner } = await users()
const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, owner)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([ANNA, BEN]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of [ANNA, BEN]) {
  await seed(old.port, person, 5, ['INBOX', 'Sent', 'Junk'])
  await service.passdb(person[0], person[1])
}

const home = (local: string) => join(homes, 'old.example', local)
const show = (address: string) => rows(service, 'migration', 'show', address)

t.test('a provider names its engine; what it copies is proved', async (t) => {
  t.match(await rows(service, 'provider', 'show', 'old'), { engine: 'offlineimap' }, 'by default')
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'doveadm', '--exclude', 'Junk')
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete', [BEN[0]]: 'complete' })
  t.match(await show(ANNA[0]), { state: 'synced', code: null, attempts: [{ outcome: 'complete', messages: 10 }] })
  t.equal(filesOf('anna'), 10)
  t.notOk(existsSync(join(home('anna'), '.postferry/mirror/Maildir/.Junk')), 'what is left out is not even mirrored')
})

t.test('nothing of theirs is in what OfflineIMAP copies by cron', async (t) => {
  const text = await emitted()
  t.notMatch(text, /Account m-\d/)
  const one = await service.run(['provider', 'set', 'old', '--engine', 'offlineimap'])
  t.equal(one.exitCode, 0)
  t.match(await emitted(), /Account m-\d/)
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'doveadm')
})

t.test('what a person removed here stays away, and what is lost here is told and copied again', async (t) => {
  await seed(old.port, ANNA, 1, ['INBOX'])
  const [first = ''] = files('anna', '')
  rmSync(join(home('anna'), 'Maildir', first))
  await due()
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete' })
  t.equal(filesOf('anna'), 10)
  t.match(await show(ANNA[0]), { ledger: { sentence: /clean/ } })
})

t.test('without its sync state it stops, and "retry" brings what is nowhere here', async (t) => {
  rmSync(join(service.dataDir, 'offlineimap'), { recursive: true })
  await seed(old.port, BEN, 1, ['INBOX'])
  await due()
  t.match(await syncOnce(service), { [BEN[0]]: 'state-lost' })
  await mustRun(service, 'migration', 'retry', BEN[0])
  t.match(await syncOnce(service), { [BEN[0]]: 'complete' })
  t.match(await show(BEN[0]), { state: 'synced', attempts: [{ messages: 1 }, {}, {}] })
  t.equal(filesOf('ben'), 11, 'nothing twice')
})

t.test('a wrong password at the source, and a message that arrives there', async (t) => {
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: BEN[0], password: BEN[1] })
  await wire.command('NOOP')
  await old.setPassword(BEN[0], 'another')
  await due()
  t.match(await syncOnce(service), { [BEN[0]]: 'credential-refused' })
  await old.setPassword(BEN[0], BEN[1])
  await mustRun(service, 'migration', 'retry', BEN[0])
  t.match(await syncOnce(service), { [BEN[0]]: 'complete' })
})

t.test('the mirror goes when the migration is finished, and nothing else', async (t) => {
  t.ok(existsSync(join(home('ben'), '.postferry/mirror/Maildir')))
  await mustRun(service, 'migration', 'finish', BEN[0])
  t.match(await show(BEN[0]), { state: 'done' })
  t.notOk(existsSync(join(home('ben'), '.postferry/mirror')))
  t.equal(filesOf('ben'), 11)
})

t.test('doctor says which doveadm there is', async (t) => {
  t.match((await service.run(['doctor'])).stdout, /^ok {4}doveadm +Dovecot 2\.\d/m)
  const { stdout } = await runPostferry(['doctor'], { ...service.environment, PATH: '/nowhere' })
  t.match(stdout, /^fail {2}doveadm +not usable here, and old copies with it\n.*apt-get install --yes dovecot-core/m)
})

async function emitted(): Promise<string> {
  return (await runProgram(process.execPath, [EMIT], service.environment)).stdout
}

async function due(): Promise<void> {
  await query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)
}

function files(local: string, directory: string): string[] {
  const folder = join(home(local), 'Maildir', directory)
  return ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part)).map((name) => join(directory, part, name)))
}

function filesOf(local: string): number {
  return ['', '.Sent'].reduce((sum, directory) => sum + files(local, directory).length, 0)
}

t.end()
