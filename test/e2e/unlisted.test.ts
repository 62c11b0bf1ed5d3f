import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ENGINES } from '../../src/model/provider.ts'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { type OldServer, startCyrus } from '../support/old-servers.ts'
import { query } from '../support/query.ts'
import { startService } from '../support/service.ts'
import { syncOnce } from '../support/sync.ts'

const PASSWORD = 'Correct-Horse-9'
const people = ENGINES.map((engine) => `with.a.dot@${engine}.example`)
const nobodies = ENGINES.map((engine) => `nobody@no-${engine}.example`)

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, (await users()).mail)
const service = await startService({ POSTFERRY_HOME: `${homes}/%d/%n` })
const old = await startCyrus(Object.fromEntries(people.map((person) => [person, PASSWORD])))
const empty = await startCyrus(Object.fromEntries(nobodies.map((person) => [person, PASSWORD])), { withoutInbox: true })
t.teardown(async () => {
  for (const one of [service, old, empty]) await one[Symbol.asyncDispose]()
  rmSync(homes, { recursive: true })
})
for (const engine of ENGINES) {
  await addProvider(engine, old, `${engine}.example`, engine)
  await addProvider(`no-${engine}`, empty, `no-${engine}.example`, engine)
}

t.test('a Cyrus lists no folder of whose name has a dot: what opens is copied all the same', async (t) => {
  for (const person of people) {
    await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: person, password: PASSWORD })
    await wire.command('APPEND INBOX ', Buffer.from('Subject: hers\r\n\r\nhers\r\n'))
    t.same(await wire.command('LIST "" "*"').then((answers) => answers.length), 1, 'nothing is listed')
    await service.passdb(person, PASSWORD)
  }
  t.match(await syncOnce(service), Object.fromEntries(people.map((person) => [person, 'complete'])))
  for (const person of people) {
    const output = /lists no folder of this person/
    t.match(await show(person), { state: 'synced', attempts: [{ folders: 1, messages: 1, output }] })
  }
})

t.test('so are the folders that people usually have; what doveadm cannot name is told', async (t) => {
  for (const person of people) {
    await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: person, password: PASSWORD })
    await wire.command('CREATE INBOX.Sent')
    await wire.command('APPEND INBOX.Sent ', Buffer.from('Subject: sent\r\n\r\nsent\r\n'))
  }
  await query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)
  const [byOfflineImap = '', byDoveadm = ''] = people
  t.match(await syncOnce(service), { [byOfflineImap]: 'complete', [byDoveadm]: 'ledger-differs' })
  t.match(await show(byOfflineImap), { state: 'synced', attempts: [{ folders: 2, messages: 1 }, {}] })
  const told = { output: /doveadm cannot copy INBOX\.Sent/ }
  t.match(await show(byDoveadm), { state: 'pending', code: 'ledger-differs', attempts: [told, {}] })
})

t.test('who has no mailbox there is synced without a message, and it is told', async (t) => {
  for (const person of nobodies) await service.passdb(person, PASSWORD)
  t.match(await syncOnce(service), Object.fromEntries(nobodies.map((person) => [person, 'complete'])))
  for (const person of nobodies) {
    const told = { messages: 0, output: /the old server has no mailbox/ }
    t.match(await show(person), { state: 'synced', code: null, attempts: [told] })
  }
  await query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)
  t.match(await syncOnce(service), Object.fromEntries(nobodies.map((person) => [person, 'unchanged'])))
  for (const person of nobodies) t.match(await show(person), { state: 'synced', code: null })
})

const show = (address: string) => rows(service, 'migration', 'show', address)

async function addProvider(name: string, { port }: OldServer, domain: string, engine: string): Promise<void> {
  const where = ['--host', 'localhost', '--port', `${port}`, '--tls', 'none', '--engine', engine]
  await mustRun(service, 'provider', 'add', name, ...where)
  await mustRun(service, 'domain', 'add', domain, '--provider', name)
}

t.end()
