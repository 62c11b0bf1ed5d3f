import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { Copying, type CopyingRunSettings } from '../support/copying.ts'
import { forgetfulDisk } from '../support/forgetful-disk.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seedMailboxes } from '../support/mailboxes.ts'
import type { Run } from '../support/offlineimap.ts'

const PEOPLE = { anna: 'secret of anna' }
const ANNA = ['anna', PEOPLE.anna] as const
const FRESH = 60

// The destination's mail is on a disk that forgets; what OfflineIMAP remembers is on another one, which does not.
const copying = await Copying.start({ people: PEOPLE })
t.teardown(() => copying[Symbol.asyncDispose]())
const disk = forgetfulDisk(copying.new.mailRoot)
t.teardown(() => disk[Symbol.dispose]())

let last = 0
async function freshOrder() {
  const id = ++last
  await copying.credentials([{ id: String(id), user: 'anna', password: PEOPLE.anna }])
  return { id, order: copying.order(id) }
}

/** Lets new mail come and be copied until the power is cut; then comes the next run. */
async function copyAndCut(settings: CopyingRunSettings = {}, endAt?: number, kept?: 'names') {
  const { id, order } = await freshOrder()
  await copying.run([order])
  await receive()
  const cut = await copying.run([order], { ...settings, env: disk.environment(endAt) })
  const lost = disk.cutPower(kept)
  const next = await copying.run([order], settings)
  t.equal(next.code, 0, next.output)
  const { total } = await compareAccounts(copying.atSource(...ANNA), copying.onNew(id))
  return { cut, lost, total }
}

/** New mail and a changed flag, with dates of long ago. */
async function receive() {
  await using wire = await ImapWire.open(copying.atSource(...ANNA))
  const text = (at: number) => Buffer.from(`Subject: ${at}\r\n\r\n${'x'.repeat(at * 100)}\r\n`)
  const numbers = Array.from({ length: FRESH }, (_, at) => at)
  await Promise.all(
    numbers.map((at) =>
      wire.command(`APPEND INBOX ${at % 2 ? '(\\Seen) ' : ''}"01-Feb-2003 04:05:06 +0000" `, text(at)),
    ),
  )
  await wire.command('SELECT INBOX')
  await wire.command('STORE 1 FLAGS (\\Seen)')
  await wire.command('STORE 1 FLAGS (\\Flagged)')
}

function filesOf(id: number): string[] {
  const names = readdirSync(join(copying.new.mailRoot, `m-${id}`), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.includes(',U=')).sort()
}

function copiedBy({ output }: Run): number {
  return output.match(/^.*Copy message/gm)?.length ?? 0
}

const WHOLE = { missing: 0, altered: 0, dates: 0, flags: 0, extra: 0 }

t.test('a power cut after a run loses nothing that the run has noted', async (t) => {
  const { cut, total } = await copyAndCut()
  t.match([cut.code, total], [0, WHOLE], cut.output)
})

t.test('nor does one in the middle of a run, wherever it comes; and nothing is there twice', async (t) => {
  for (const endAt of [1, 3, 5, 100, 203]) {
    const { cut, lost, total } = await copyAndCut({}, endAt)
    t.match([cut.code, total], [null, WHOLE], `at change ${endAt}; ${lost} changes were lost`)
  }
})

t.test('nor does one that leaves names without bytes: such messages are copied again, once', async (t) => {
  for (const endAt of [100, 203]) {
    const { lost, total } = await copyAndCut({}, endAt, 'names')
    t.match([lost > 0, total], [true, WHOLE], `at change ${endAt}; ${lost} changes were lost`)
  }
})

t.test('what is whole stays, whatever the source says of its size', async (t) => {
  const { id, order } = await freshOrder()
  await copying.run([order])
  const files = filesOf(id)
  await rm(join(copying.folder, 'metadata', `Account-m-${id}`), { recursive: true })
  const untold = `
from postferry_offlineimap import leftovers
leftovers._sizes = lambda folder, uids: {}
`
  const { code, output } = await copying.run([order], { appended: untold })
  t.equal(code, 0, output)
  t.same(filesOf(id), files)
})

t.test('a first copy is as safe: its mailboxes are on the disk with their messages', async (t) => {
  await seedMailboxes(copying.atSource(...ANNA), { separator: '/', prefix: '' })
  const { id, order } = await freshOrder()
  const { code } = await copying.run([order], { env: disk.environment() })
  disk.cutPower()
  const { total } = await compareAccounts(copying.atSource(...ANNA), copying.onNew(id))
  t.match([code, total], [0, WHOLE])
})

t.test('what the disk could not keep is not noted, though it says so once; the next run copies it again', async (t) => {
  const { id, order } = await freshOrder()
  const full = `
import ctypes, errno
from postferry_offlineimap import durable
answers = [0, errno.ENOSPC]
def syncfs(self, descriptor):
    number = answers.pop(0) if answers else 0
    ctypes.set_errno(number)
    return -1 if number else 0
durable._libc, durable.SECONDS_BETWEEN = type('Libc', (), {'syncfs': syncfs})(), 0
`
  const failed = await copying.run([order], { appended: full })
  t.match([failed.code, copiedBy(failed), filesOf(id).length], [1, 2, 1], failed.output)
  t.match(failed.output, /"reason": "new-full"/)
  const next = await copying.run([order])
  const { total } = await compareAccounts(copying.atSource(...ANNA), copying.onNew(id))
  t.match([next.code, copiedBy(next), total], [0, total.messages - 1, WHOLE], next.output)
})

t.test('without the repair a power cut loses mail, and the next run does not know: exit code 0', async (t) => {
  const { cut, total } = await copyAndCut({ without: 'durable.synced_before_known' })
  t.match([cut.code, total], [0, { missing: FRESH }], cut.output)
})

t.test('all that keeps mail is that it is synced before it is noted', async (t) => {
  const unsynced = `
from postferry_offlineimap import durable
durable._libc = type('Libc', (), {'syncfs': lambda self, descriptor: 0})()
`
  const { total } = await copyAndCut({ appended: unsynced })
  t.match(total, { missing: FRESH })
})

t.end()
