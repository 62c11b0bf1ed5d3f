import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const MESSAGES = 20
const SIZE = 100_000

const disk = await mountSmallDisk(10 * SIZE)
t.teardown(() => disk[Symbol.asyncDispose]())
const ferry = await startFerry({ [ANNA[0]]: ANNA[1] }, { MAILFERRY_HOME: `${disk.folder}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
{
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: ANNA[0], password: ANNA[1] })
  for (let number = 0; number < MESSAGES; number++) await wire.command('APPEND INBOX ', large(number))
}
await service.passdb(...ANNA)

const migration = () => rows(service, 'migration', 'show', ANNA[0])
const sync = () => service.run(['sync', '--account', ANNA[0], '--json'])

t.test('NEW without room stops the migration with what to do, and keeps what is there', async (t) => {
  const { exitCode, stderr } = await sync()
  t.equal(exitCode, 65)
  t.match(stderr, 'make room')
  t.match(await migration(), { state: 'failed', code: 'new-full', remedy: /make room/ })
  const copied = filesOf('cur').length + filesOf('new').length
  t.ok(copied > 0 && copied < MESSAGES, `${copied} have found room`)
})

t.test('with room again everything gets across once', async (t) => {
  await disk.resize(10 * MESSAGES * SIZE)
  await mustRun(service, 'migration', 'retry', ANNA[0])
  const { exitCode, stderr } = await sync()
  t.equal(exitCode, 0, stderr)
  t.match(await migration(), { state: 'synced', code: null, ledger: /clean: all 20 messages/ })
  t.equal(filesOf('cur').length + filesOf('new').length, MESSAGES)
})

function large(number: number): Buffer {
  const head = `Message-ID: <${number}@old.example>\r\nSubject: ${number}\r\n\r\n`
  return Buffer.from(head + `${'x'.repeat(70)}\r\n`.repeat(SIZE / 72))
}

function filesOf(folder: string): string[] {
  return readdirSync(join(disk.folder, 'old.example', 'anna', 'Maildir', folder))
}

t.end()
