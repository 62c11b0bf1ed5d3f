import t from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { mustRun } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { everythingOf, numbered } from '../support/mailbox-state.ts'
import { startCourier, startCyrus } from '../support/old-servers.ts'
import { startProxiedMove } from '../support/proxied-move.ts'
import { until } from '../support/until.ts'

// Flips of people whose old server has nothing for them: no mailbox, or no life any more.

const ANNA = 'anna@old.example'
const BEN = 'ben@old.example'
const PASSWORD = 'a password'
const [newest, before] = bothDebians() as [Debian, Debian]

t.test('who has no mailbox at the old server is flipped to an empty one', async (t) => {
  await using old = await startCyrus({ [ANNA]: PASSWORD }, { withoutInbox: true })
  await using move = await startProxiedMove(old, before, PASSWORD)
  t.match(await move.service.passdb(ANNA, PASSWORD), { status: 200 })
  const sync = move.sync()
  await until(async () => (await move.shown(ANNA)).ready, 'nothing is missing')
  await mustRun(move.service, 'migration', 'flip', ANNA)
  t.match(await move.told(ANNA, /^flipped/), { route: 'destination' })
  await using wire = await ImapWire.open(move.account(ANNA))
  await wire.command('APPEND INBOX () ', Buffer.from('Subject: first\r\n\r\nhere\r\n'))
  await mustRun(move.service, 'migration', 'finish', ANNA)
  await until(async () => (await move.shown(ANNA)).state === 'done', 'it is finished')
  sync.kill('SIGTERM')
  t.equal(await sync.end, 0, sync.stderr)
})

t.test('people of an old server that is gone for good are flipped to their last copy', async (t) => {
  const people = { [ANNA]: PASSWORD, [BEN]: PASSWORD }
  await using old = await startCourier(people)
  await using move = await startProxiedMove(old, newest, PASSWORD)
  const anna = move.account(ANNA)
  {
    await using wire = await ImapWire.open(anna)
    await wire.command('CREATE INBOX.Archive')
    await wire.command('SUBSCRIBE INBOX.Archive')
    for (const name of ['INBOX', 'INBOX.Archive'])
      await wire.command(`APPEND ${name} (\\Answered) `, Buffer.from(`Subject: in ${name}\r\n\r\nold\r\n`))
  }
  const known = await everythingOf(anna)
  const sync = move.sync()
  await until(async () => (await move.shown(ANNA)).ready, 'the mirror is ready')
  await old[Symbol.asyncDispose]()
  // Has a password that is kept, and never had a copy.
  t.match(await move.service.passdb(BEN, PASSWORD), { status: 503 })

  await mustRun(move.service, 'migration', 'flip', ANNA)
  await until(async () => (await move.shown(ANNA)).last_outcome === 'old-unreachable', 'it is asked for, and not there')
  t.match(await move.shown(ANNA), { route: 'source', flip_requested: true })
  await mustRun(move.service, 'provider', 'set', 'old', '--gone', '--reason', 'burnt down')
  await mustRun(move.service, 'migration', 'retry', ANNA)
  t.match(await move.told(ANNA, /^flipped.*the old server is gone: this is its copy of \d{4}-/), {
    route: 'destination',
    outcome: 'complete',
  })
  t.same(numbered(await everythingOf(anna)), numbered(known), 'names, numbers, marks and messages are what they were')
  await mustRun(move.service, 'migration', 'finish', ANNA, '--force')
  t.match(await move.shown(ANNA), { state: 'done', route: 'destination' })
  sync.kill('SIGTERM')
  t.equal(await sync.end, 0, sync.stderr)
})

t.end()
