import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seed } from '../support/seed.ts'
import { startSync } from '../support/sync.ts'

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
  await seed(old.port, person, 30)
  await service.passdb(person[0], person[1])
  await mustRun(service, 'sync', '--account', person[0])
}

const show = (address: string) => rows(service, 'migration', 'show', address)
const sync = (address: string) => service.run(['sync', '--account', address, '--json'])

t.test('a folder that cannot keep the sync state is named, and nothing is copied', async (t) => {
  const worker = startSync(service, ['--account', ANNA[0]], { POSTFERRY_OFFLINEIMAP_METADATA: '/dev/null/nowhere' })
  t.equal(await worker.end, 78)
  t.equal(
    worker.stderr,
    '{"error":"POSTFERRY_OFFLINEIMAP_METADATA: cannot write in /dev/null/nowhere (ENOTDIR)","exit_code":78}\n',
  )
  t.match(await show(ANNA[0]), { state: 'synced', attempts: { length: 1 } })
})

t.test(
  'a source that is suddenly empty stops the migration; the destination keeps everything; a person may go on',
  async (t) => {
    await atSource(ANNA, 'SELECT INBOX', 'STORE 1:* +FLAGS (\\Deleted)', 'EXPUNGE', 'DELETE Sent')
    const { exitCode, stderr } = await sync(ANNA[0])
    t.equal(exitCode, 65)
    t.match(stderr, 'the old server suddenly holds much less mail')
    t.match(await show(ANNA[0]), {
      state: 'failed',
      code: 'old-shrunk',
      attempts: [{ outcome: 'old-shrunk', messages: 0 }],
    })
    t.equal(filesOf(ANNA[0]).length, 60)
    await mustRun(service, 'migration', 'retry', ANNA[0])
    t.equal((await sync(ANNA[0])).exitCode, 0)
    t.match(await show(ANNA[0]), { state: 'synced', attempts: [{ outcome: 'complete', messages: 0 }] })
    t.equal(filesOf(ANNA[0]).length, 60, 'the destination does not shrink')
  },
)

t.test('a mailbox that source has made anew stops the migration; nothing is copied twice or deleted', async (t) => {
  await atSource(BEN, 'DELETE Sent', 'CREATE Sent')
  await seed(old.port, BEN, 29, ['Sent'])
  const { exitCode, stderr } = await sync(BEN[0])
  t.equal(exitCode, 65)
  t.match(stderr, 'UIDVALIDITY')
  t.match(await show(BEN[0]), { state: 'failed', code: 'old-recreated' })
  t.equal(filesOf(BEN[0]).length, 60)
  await mustRun(service, 'migration', 'retry', BEN[0])
  t.equal((await sync(BEN[0])).exitCode, 65, '"retry" alone mixes nothing up')
  t.match(await show(BEN[0]), { state: 'failed', code: 'old-recreated' })
  t.equal(filesOf(BEN[0]).length, 60)
})

t.test('without the mailbox that was made anew the migration goes on', async (t) => {
  await mustRun(service, 'provider', 'set', 'old', '--exclude', 'Sent')
  await seed(old.port, BEN, 1, ['INBOX'])
  await mustRun(service, 'migration', 'retry', BEN[0])
  t.equal((await sync(BEN[0])).exitCode, 0)
  t.match(await show(BEN[0]), { state: 'synced', attempts: [{ outcome: 'complete', messages: 1 }] })
  t.equal(filesOf(BEN[0]).length, 61)
  await mustRun(service, 'provider', 'set', 'old', '--no-exclude')
})

t.test('lost sync state stops the migration; after "retry" everything is there once', async (t) => {
  const metadata = join(service.dataDir, 'offlineimap')
  const { id } = await show(CLEO[0])
  for (const name of readdirSync(metadata).filter((name) => name.includes(`m-${id}`))) {
    rmSync(join(metadata, name), { recursive: true })
  }
  const { exitCode, stderr } = await sync(CLEO[0])
  t.equal(exitCode, 65)
  t.match(stderr, 'the sync state of this person is gone')
  t.match(await show(CLEO[0]), { state: 'failed', code: 'state-lost' })
  await mustRun(service, 'migration', 'retry', CLEO[0])
  await seed(old.port, CLEO, 1, ['Sent'])
  t.equal((await sync(CLEO[0])).exitCode, 0)
  t.match(await show(CLEO[0]), { state: 'synced', attempts: [{ outcome: 'complete', messages: 1 }] })
  t.equal(filesOf(CLEO[0]).length, 61)
})

async function atSource([user, password]: readonly [string, string], ...commands: string[]): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user, password })
  for (const command of commands) await wire.command(command)
}

function filesOf(address: string): string[] {
  const [local = '', domain = ''] = address.split('@')
  return readdirSync(join(homes, domain, local, 'Maildir'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(^|\/)(cur|new)\/./.test(name),
  )
}

t.end()
