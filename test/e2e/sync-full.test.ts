import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Copying } from '../support/copying.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { query } from '../support/query.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const MESSAGES = 20
const SIZE = 100_000
const PERCENT = 10

const disk = await mountSmallDisk(10 * SIZE)
t.teardown(() => disk[Symbol.asyncDispose]())
const ferry = await startFerry(
  { [ANNA[0]]: ANNA[1] },
  { POSTFERRY_HOME: `${disk.folder}/%d/%n`, POSTFERRY_KEEP_FREE_PERCENT: `${PERCENT}` },
)
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
await fill(old.port, ...ANNA)
await service.passdb(...ANNA)

const migration = () => rows(service, 'migration', 'show', ANNA[0])
const sync = () => service.run(['sync', '--account', ANNA[0], '--json'])
const maildir = join(disk.folder, 'old.example', 'anna', 'Maildir')

t.test('what does not fit into the destination is not begun, and everybody is told how much it is', async (t) => {
  const { exitCode, stderr } = await sync()
  t.equal(exitCode, 65)
  t.match(stderr, 'make room')
  const { attempts, ...shown } = await migration()
  t.match(shown, { state: 'failed', code: 'new-full', remedy: /make room/ })
  t.match(attempts, [
    { outcome: 'new-full', output: /^2\.0 MB are to be copied, and the new server has room for 9\d\d\.\d kB beside/ },
  ])
  t.match(await mustRun(service, 'report'), /new-full +1/)
  t.notOk(existsSync(maildir), 'nothing was copied')
})

t.test('with room again everything gets across once', async (t) => {
  await disk.resize(20 * MESSAGES * SIZE)
  await mustRun(service, 'migration', 'retry', ANNA[0])
  const { exitCode, stderr } = await sync()
  t.equal(exitCode, 0, stderr)
  t.match(await migration(), { state: 'synced', code: null, ledger: { sentence: /clean: all 20 messages/ } })
  t.equal(filesIn(maildir), MESSAGES)
})

t.test('who holds more at the source than the quota of the destination allows is stopped', async (t) => {
  await query(service.dataDir, 'update account set quota_bytes = 1500000')
  await fill(old.port, ...ANNA, 1)
  t.equal((await sync()).exitCode, 65)
  t.match(await migration(), {
    ...{ state: 'failed', code: 'new-full' },
    attempts: [{ output: 'the old server holds 2.1 MB, and the quota is 1.5 MB' }, {}, {}],
  })
  t.equal(filesIn(maildir), MESSAGES)
})

t.test('while it copies, OfflineIMAP leaves room for new mail', async (t) => {
  await using copying = await Copying.start({ people: { anna: 'secret of anna', ben: 'secret of ben' } })
  await using small = await mountSmallDisk(10 * SIZE)
  chownSync(small.folder, copying.new.mailOwner.uid, copying.new.mailOwner.gid)
  await fill(copying.old.port, 'anna', 'secret of anna')
  await copying.openAll({ anna: 'secret of anna', ben: 'secret of ben' })
  const order = { ...copying.order(1), home: join(small.folder, 'anna') }
  const kept = { percent: PERCENT, bytes: 2 ** 31, folders: [] }
  const { code, output } = await copying.run([order], { emitter: { keptFree: kept } })
  t.equal(code, 1)
  t.match(output, '"reason": "new-full"')
  t.equal(filesIn(join(order.home, 'Maildir')), 8, 'one more would leave less than a tenth')
  const all = await copying.run([order], { emitter: { keptFree: { ...kept, bytes: 0 } } })
  t.match(all.output, '"reason": "new-full"')
  t.equal(filesIn(join(order.home, 'Maildir')), 9, 'without a floor until nothing is left')

  await fill(copying.old.port, 'ben', 'secret of ben', 1)
  const elsewhere = copying.order(2)
  const data = await copying.run([elsewhere], { emitter: { keptFree: { ...kept, folders: [small.folder] } } })
  t.match(data.output, '"reason": "new-full"', 'the disk with the data counts, though the home is on another')
  t.equal(filesIn(join(elsewhere.home, 'Maildir')), 0)
})

async function fill(port: number, user: string, password: string, messages = MESSAGES): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user, password })
  for (let number = 0; number < messages; number++) await wire.command('APPEND INBOX ', large(number))
}

function large(number: number): Buffer {
  const head = `Message-ID: <${number}@old.example>\r\nSubject: ${number}\r\n\r\n`
  return Buffer.from(head + `${'x'.repeat(70)}\r\n`.repeat(SIZE / 72))
}

function filesIn(folder: string): number {
  return ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part))).length
}

t.end()
