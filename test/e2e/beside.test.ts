import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ENGINES, type EngineName } from '../../src/model/provider.ts'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { syncOnce } from '../support/sync.ts'
import { tamperWith } from '../support/tampering.ts'

const PEOPLE: Readonly<Record<EngineName, readonly [string, string]>> = {
  offlineimap: ['anna@old.example', 'secret of anna'],
  doveadm: ['ben@old.example', 'secret of ben'],
}
const MANY = Array.from({ length: 30 }, (_, at) => `label${at}`)

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, (await users()).mail)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries(Object.values(PEOPLE)), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry

for (const engine of ENGINES) {
  t.test(`keywords and subscriptions with ${engine}`, async (t) => {
    const [address, password] = PEOPLE[engine]
    const maildir = join(homes, 'old.example', address.split('@')[0] ?? '', 'Maildir')
    await mustRun(service, 'provider', 'set', 'old', '--engine', engine)
    await seed(old.port, [address, password], 3, ['INBOX', 'Sent', 'Many'])
    await atSource(engine, ...['SELECT INBOX', 'STORE 1:2 +FLAGS ($Forwarded)', 'STORE 2 +FLAGS (work)'])
    await atSource(engine, 'SUBSCRIBE INBOX', 'SUBSCRIBE Sent')
    await service.passdb(address, password)
    await t.test('come over, and are proved', (t) => areProved(t, engine, maildir))
    await t.test('what changes at the old server is named, and the next attempt brings it', (t) => follow(t, engine))
    await t.test('what the person changes here stays, and is told', (t) => stay(t, engine, maildir))
    await t.test('what a folder has no room for is named', (t) => isNamed(t, engine))
  })
}

t.test('a keyword that Dovecot does not take is named, and the others come', async (t) => {
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'offlineimap')
  await atSource('offlineimap', 'SELECT Sent', 'STORE 1 +FLAGS (odd-one fine)')
  await using way = await tamperWith(old.port, (said) => said.replaceAll('odd-one', 'odd]one'))
  await mustRun(service, 'provider', 'set', 'old', '--tls', 'none', '--plain-text', '--port', `${way.port}`)
  await mustRun(service, 'provider', 'approve', 'old')
  await due()
  t.match(await syncOnce(service), { [PEOPLE.offlineimap[0]]: 'complete' })
  t.match(await show('offlineimap'), { state: 'synced', ledger: { clean: true, counts: { keywords: 0 } } })
  const { stdout } = await service.run(['verify', PEOPLE.offlineimap[0]])
  t.match(stdout, /unkept +Sent +1 .*fine odd\]one +fine/)
})

async function areProved(t: Test, engine: EngineName, maildir: string): Promise<void> {
  t.match(await syncOnce(service), { [PEOPLE[engine][0]]: 'complete' })
  const fetched = engine === 'doveadm' ? 0 : 9
  t.match(await show(engine), { state: 'synced', ledger: { clean: true, faults: 0, changes: 0, fetched } })
  t.same(files(maildir).map(keywordLetters).sort(), ['', 'a', 'ab'])
}

async function follow(t: Test, engine: EngineName): Promise<void> {
  await atSource(engine, 'SELECT INBOX', 'STORE 1 -FLAGS ($Forwarded)', 'STORE 3 +FLAGS (todo)', 'SUBSCRIBE Many')
  const counts = { keywords: 2, subscription: 1, reflagged: 0, unsubscribed: 0 }
  const { stdout, exitCode } = await service.run(['verify', PEOPLE[engine][0]])
  t.equal(exitCode, 65)
  t.match(stdout, /differs: of 9 messages in 3 folders, 2 with other keywords, 1 not subscribed to/)
  t.match(stdout, /keywords +INBOX +1 .*no keyword +\$Forwarded/)
  t.match(stdout, /subscription +Many +- +- +subscribed to +not subscribed to/)
  t.match(await show(engine), { ledger: { faults: 3, counts } })
  await due()
  t.match(await syncOnce(service), { [PEOPLE[engine][0]]: 'complete' })
  t.match(await show(engine), { state: 'synced', ledger: { clean: true, changes: 0 } })
}

async function stay(t: Test, engine: EngineName, maildir: string): Promise<void> {
  const worked = files(maildir).find((file) => keywordLetters(file) === 'ab') ?? ''
  renameSync(worked, worked.replace(/b$/, ''))
  rmSync(join(maildir, 'subscriptions'))
  await due()
  t.match(await syncOnce(service), {})
  await mustRun(service, 'verify', PEOPLE[engine][0])
  t.match(await show(engine), { ledger: { clean: true, counts: { reflagged: 1, unsubscribed: 3 } } })
}

async function isNamed(t: Test, engine: EngineName): Promise<void> {
  await atSource(engine, 'SELECT Many', `STORE 1 +FLAGS (${MANY.join(' ')})`, 'STORE 2 +FLAGS (label9 label1)')
  await due()
  t.match(await syncOnce(service), { [PEOPLE[engine][0]]: 'complete' })
  t.match(await show(engine), { ledger: { clean: true, counts: { keywords: 0, unkept: 2 } } })
}

const show = (engine: EngineName) => rows(service, 'migration', 'show', PEOPLE[engine][0])

async function atSource(engine: EngineName, ...commands: string[]): Promise<void> {
  const [user, password] = PEOPLE[engine]
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user, password })
  for (const command of commands) await wire.command(command)
}

async function due(): Promise<void> {
  await query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)
}

function files(folder: string): string[] {
  return ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part)).map((name) => join(folder, part, name)))
}

function keywordLetters(file: string): string {
  return (file.split(':2,')[1] ?? '').replace(/[^a-z]/g, '')
}

t.end()
