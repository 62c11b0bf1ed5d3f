import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { handOver } from '../support/cron.ts'
import { startNew } from '../support/destination.ts'
import { rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o711)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry({ [ANNA[0]]: ANNA[1] }, { POSTFERRY_HOME: `${homes}/%d/%n` }, { userIpConnections: 1 })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
const dovecot = await startNew({ passdb: 'lua', url: service.url, token: service.token, homeRoot: homes })
t.teardown(() => dovecot[Symbol.asyncDispose]())
const maildir = join(homes, 'old.example', 'anna', 'Maildir')

await on(old.port, ...appends('INBOX', 'a', 'b', 'c', 'd', 'e', 'f'), 'CREATE Sent', ...appends('Sent', 's'))
await service.passdb(...ANNA)

const migration = () => rows(service, 'migration', 'show', ANNA[0])
const sync = async () => {
  const ended = await service.run(['sync', '--account', ANNA[0], '--json'])
  handOver(homes, dovecot.mailOwner)
  return ended
}

t.test(
  'what both sides do between two attempts meets: the source brings, and takes nothing from the destination',
  async (t) => {
    t.equal((await sync()).exitCode, 0)
    t.same(mailOf(''), ['a', 'b', 'c', 'd', 'e', 'f'])
    await on(
      dovecot.port,
      ...['SELECT INBOX', 'STORE 1 +FLAGS (\\Answered)', 'STORE 2 +FLAGS (\\Deleted)', 'EXPUNGE'],
      ...['CREATE Kept', 'MOVE 2 Kept', ...appends('INBOX', 'written on the destination')],
    )
    await on(
      old.port,
      ...['SELECT INBOX', 'STORE 4 +FLAGS (\\Flagged)', 'STORE 5 +FLAGS (\\Deleted)', 'EXPUNGE', 'MOVE 5 Sent'],
      ...appends('INBOX', 'new at the source'),
    )
    const second = await sync()
    t.equal(second.exitCode, 0, second.stdout + second.stderr)
    t.match(await migration(), { state: 'synced', code: null, ledger: { sentence: /clean.*on the new server since/ } })
    const inbox = ['a', 'd', 'e', 'f', 'new at the source', 'written on the destination']
    t.same(mailOf(''), inbox, 'deleted on the destination: not brought back; deleted at the source: still there')
    t.same(mailOf('.Kept'), ['c'], 'moved on the destination: left where the person has put it')
    t.same(mailOf('.Sent'), ['f', 's'], 'moved at the source: in its new mailbox as well')
    t.same([flagsOf('a'), flagsOf('d')], ['R', 'F'], 'each side’s flags')
  },
)

t.test('nothing comes twice, however often it is copied', async (t) => {
  const before = ['', '.Kept', '.Sent'].map(mailOf)
  await on(old.port, ...appends('INBOX', 'newer'))
  t.equal((await sync()).exitCode, 0)
  t.same(mailOf(''), [...(before[0] ?? []), 'newer'].sort())
  t.same([mailOf('.Kept'), mailOf('.Sent')], before.slice(1))
})

t.test('a source that allows no further connection is tried again later, and nobody has to act', async (t) => {
  await on(old.port, ...appends('INBOX', 'late'))
  {
    await using _ = await ImapWire.open({ host: 'localhost', port: old.port, user: ANNA[0], password: ANNA[1] })
    const busy = await sync()
    t.equal(busy.exitCode, 75)
    t.match(JSON.parse(busy.stdout.split('\n')[0] ?? ''), { outcome: 'old-busy' })
    t.match(await migration(), { state: 'synced', code: null })
  }
  t.equal((await sync()).exitCode, 0)
  t.ok(mailOf('').includes('late'))
})

async function on(port: number, ...commands: (string | readonly [string, Buffer])[]): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user: ANNA[0], password: ANNA[1] })
  for (const command of commands) await wire.command(...(typeof command === 'string' ? [command] : command))
}

/** Commands that add messages, each with a subject of its own. */
function appends(mailbox: string, ...subjects: string[]) {
  return subjects.map((subject) => {
    const text = `Message-ID: <${subject.replaceAll(' ', '-')}@old.example>\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`
    return [`APPEND ${mailbox} `, Buffer.from(text)] as const
  })
}

function filesOf(directory: string): { name: string; subject: string }[] {
  return ['cur', 'new'].flatMap((part) => {
    const folder = join(maildir, directory, part)
    return readdirSync(folder).map((name) => {
      const [, subject = ''] = /^Subject: (.*?)\r?$/m.exec(readFileSync(join(folder, name), 'utf8')) ?? []
      return { name, subject }
    })
  })
}

function mailOf(directory: string): string[] {
  return filesOf(directory)
    .map(({ subject }) => subject)
    .sort()
}

/** The Maildir letters of a message in the INBOX. */
function flagsOf(subject: string): string {
  const file = filesOf('').find((file) => file.subject === subject)
  return /:2,([A-Z]*)/.exec(file?.name ?? '')?.[1] ?? ''
}

t.end()
