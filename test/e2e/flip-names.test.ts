import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { mustRun } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { everythingOf, type FolderState, numbered } from '../support/mailbox-state.ts'
import { type OldServer, startCourier, startCyrus } from '../support/old-servers.ts'
import { startProxiedMove } from '../support/proxied-move.ts'
import { until } from '../support/until.ts'

// Old servers that are not Dovecot, whose folders have other names: a mail program that knows them loads nothing again.

const ANNA = 'anna@old.example'
/** Has no folder but the INBOX. */
const BEN = 'ben@old.example'
const PASSWORD = 'a password'
const [newest, before] = bothDebians()
const RIGS = [
  { old: 'Courier', start: startCourier, debian: newest },
  { old: 'Cyrus', start: startCyrus, debian: before },
] as const

for (const { old, start, debian } of RIGS) {
  t.test(`who comes from a ${old} to a Dovecot ${debian?.dovecot} finds all under its name and number`, async (t) => {
    await using server = await start({ [ANNA]: PASSWORD, [BEN]: PASSWORD })
    await flips(t, server, debian as Debian, old === 'Cyrus')
  })
}

const message = (name: string) => Buffer.from(`Subject: ${name}\r\n\r\nthis is ${name}\r\n`)

async function flips(t: Test, old: OldServer, debian: Debian, keepsNumbers: boolean): Promise<void> {
  await using move = await startProxiedMove(old, debian, PASSWORD)
  const { service } = move
  const [anna, ben] = [move.account(ANNA), move.account(BEN)]
  await everythingOf(anna)
  // A Courier numbers an INBOX anew at each opening that nobody has ever opened to write.
  t.match(await service.passdb(BEN, PASSWORD), { status: 200 })
  const atOld = { ...anna, host: '127.0.0.1', port: old.port }
  {
    await using wire = await ImapWire.open(atOld)
    for (const name of ['one', 'two', 'three']) await wire.command('APPEND INBOX (\\Seen) ', message(name))
    for (const name of ['INBOX.Archive', 'INBOX.Archive.2019', 'INBOX.Caf&AOk-']) {
      await wire.command(`CREATE ${name}`)
      await wire.command(`SUBSCRIBE ${name}`)
      for (const one of ['four', 'five']) await wire.command(`APPEND ${name} (\\Answered) `, message(one))
    }
    await wire.command('SELECT INBOX.Archive')
    await wire.command('STORE 1 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
  }
  const sync = move.sync()
  for (const person of [ANNA, BEN]) await until(async () => (await move.shown(person)).ready, 'the mirror is ready')
  {
    // Where the old server has no numbers of changes, nothing else tells of this.
    await using wire = await ImapWire.open(anna)
    await wire.command('SELECT INBOX.Archive.2019')
    await wire.command('STORE 2 +FLAGS (\\Flagged)')
  }
  const known = await everythingOf(anna)
  await mustRun(service, 'migration', 'flip', ANNA)
  const told = (says: RegExp, person = ANNA) => move.told(person, says)
  const flipped = await told(/^flipped/)
  t.equal(flipped.route, 'destination')
  t.comment(flipped.output)
  t.same(numbered(await everythingOf(anna)), numbered(known), 'names, numbers, marks and messages are what they were')

  {
    await using wire = await ImapWire.open(anna)
    await wire.command('CREATE INBOX.New')
    await wire.command('CREATE INBOX.Over.Under')
    await wire.command('APPEND INBOX.New () ', message('six'))
    await wire.command('SELECT INBOX')
    await wire.command('STORE 1 +FLAGS (\\Flagged)')
    await wire.command('STORE 2 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
    for (const name of ['seven', 'eight']) await wire.command('APPEND INBOX () ', message(name))
    await wire.command('STORE 3 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
    await wire.command('RENAME INBOX.Archive INBOX.Moved')
  }
  const returned = async (says: RegExp, person = ANNA) => {
    await mustRun(service, 'migration', 'return', person, '--write-to-source')
    return await told(says, person)
  }
  if (!keepsNumbers) {
    t.match(await returned(/INBOX\.Archive is called INBOX\.Moved here/), { outcome: 'return-failed' })
    await using wire = await ImapWire.open(anna)
    await wire.command('RENAME INBOX.Moved INBOX.Archive')
    await wire.command('DELETE INBOX.Caf&AOk-')
  }
  const here = numbered(await everythingOf(anna))
  t.match(await returned(/^led back/), { route: 'source', outcome: 'complete' })
  // A Cyrus makes a folder of the name above it.
  const { 'INBOX.Over': over, ...there } = numbered(await everythingOf(atOld))
  t.same(over?.messages ?? {}, {})
  const made = { 'INBOX.New': { uidValidity: '' }, 'INBOX.Over.Under': { uidValidity: '' } }
  t.same(merged(there, made), merged(here, made), 'the old server has all of it, under the same names and numbers')

  if (!keepsNumbers) {
    await mustRun(service, 'migration', 'flip', BEN)
    await told(/^flipped/, BEN)
    {
      await using wire = await ImapWire.open(ben)
      await wire.command('CREATE INBOX.Sent')
    }
    const folders = ['INBOX', 'INBOX.Sent']
    t.same(Object.keys(await everythingOf(ben)), folders, 'who had no folder makes one where mail programs look for it')
    t.match(await returned(/^led back/, BEN), { route: 'source' })
    t.same(Object.keys(await everythingOf({ ...ben, port: old.port })), folders)
  }
  sync.kill('SIGTERM')
  t.equal(await sync.end, 0, sync.stderr)
}

type State = Record<string, Partial<FolderState>>

/** Without what a Courier does not tell. */
function merged(state: State, other: State): State {
  return Object.fromEntries(Object.entries(state).map(([name, folder]) => [name, { ...folder, ...other[name] }]))
}

t.end()
