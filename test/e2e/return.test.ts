import { chmodSync, chownSync, existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { everythingOf } from '../support/mailbox-state.ts'
import { query } from '../support/query.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = 'anna@old.example'
const BEN = 'ben@old.example'
const CARL = 'carl@old.example'
const PASSWORD = 'a password'

// Both with "npm run soak".
const DESTINATIONS = bothDebians().slice(0, process.env.POSTFERRY_SOAK === undefined ? 1 : 2)

for (const debian of DESTINATIONS) {
  t.test(`who was flipped to a Dovecot ${debian.dovecot} is led back`, async (t) => {
    const people = { [ANNA]: PASSWORD, [BEN]: PASSWORD, [CARL]: PASSWORD }
    await using world = await startMailWorld({ debian, people, isProxied: true, trusted: '127.0.0.1' })
    const sync = startSync(world.ferry.service, [], {}, debian)
    for (const person of [ANNA, BEN, CARL]) await flipped(world, person)
    await t.test('not where the old server has changed since', (t) => refused(t, world))
    await t.test('what a return has written that failed comes here no second time', (t) => cutShort(t, world))
    await t.test('with all that came and went here since', (t) => ledBack(t, world, debian))
    await t.test('and comes here again, once', (t) => again(t, world))
    sync.kill('SIGTERM')
    t.equal(await sync.end, 0, sync.stderr)
  })
}

interface Shown {
  readonly route: string
  readonly return_requested: boolean
  readonly copying: boolean
  readonly attempts: readonly { readonly outcome: string; readonly output: string }[]
}

const atNew = (world: MailWorld, user: string): ImapAccount => ({
  ...{ host: 'localhost', port: world.dovecot.port, user, password: PASSWORD },
})
const atOld = (world: MailWorld, user: string): ImapAccount => ({ ...atNew(world, user), port: world.ferry.old.port })
const message = (name: string) =>
  Buffer.from(`Subject: ${name}\r\nMessage-ID: <${name}@here>\r\n\r\nthis is ${name}\r\n`)
const migrationOf = (world: MailWorld, person: string) => rows(world.ferry.service, 'migration', 'show', person)

async function auditOf(world: MailWorld, person: string): Promise<{ action: string; detail: string }[]> {
  return JSON.parse(await mustRun(world.ferry.service, 'audit', 'list', '--subject', person, '--json'))
}

/** Asks for something, and waits until it has come about. */
async function done(world: MailWorld, person: string, words: readonly string[], fits: (shown: Shown) => boolean) {
  await mustRun(world.ferry.service, 'migration', ...words)
  return await until(async () => {
    const shown: Shown = await migrationOf(world, person)
    return fits(shown) && !shown.copying && shown
  }, words.join(' '))
}

/** Somebody with some mail and folders, who is here by now. */
async function flipped(world: MailWorld, person: string): Promise<void> {
  {
    await using wire = await ImapWire.open(atNew(world, person))
    for (const name of ['one', 'two', 'three', 'four']) await wire.command('APPEND INBOX (\\Seen) ', message(name))
    for (const folder of ['Archive', 'Leaving', 'Renamed', 'Renamed/Below']) await wire.command(`CREATE ${folder}`)
    for (const name of ['five', 'six']) await wire.command('APPEND Renamed/Below () ', message(name))
    await wire.command('SUBSCRIBE Archive')
  }
  await done(world, person, ['flip', person], ({ route }) => route === 'destination')
}

/** The request goes before its attempt is written down. */
function hasFailed({ return_requested, attempts }: Shown): boolean {
  return !return_requested && attempts.some(({ outcome }) => outcome === 'return-failed')
}

/** Another attempt may have begun since. */
function isLedBack({ return_requested, attempts }: Shown): boolean {
  return !return_requested && attempts.some(({ output }) => output?.startsWith('led back'))
}

async function refused(t: Test, world: MailWorld): Promise<void> {
  const { service } = world.ferry
  const { exitCode, stderr } = await service.run(['migration', 'return', BEN])
  t.not(exitCode, 0)
  t.match(stderr, /write_to_source|write-to-source/)
  await using old = await ImapWire.open(atOld(world, BEN))
  await old.command('SELECT INBOX')
  await old.command('STORE 2 +FLAGS (\\Flagged)')
  const before = await everythingOf(atOld(world, BEN))
  const words = ['return', BEN, '--write-to-source']
  const { route, attempts } = await done(world, BEN, words, hasFailed)
  t.equal(route, 'destination')
  // Another attempt may have begun.
  t.match(
    attempts.find(({ outcome }) => outcome === 'return-failed'),
    { output: /changed since the flip: INBOX: 1 message is marked otherwise$/ },
  )
  t.match(await auditOf(world, BEN), [{ action: 'migration.return-ended' }, { action: 'migration.request-return' }])
  t.same(await everythingOf(atOld(world, BEN)), before, 'nothing was written')
}

/** The old server takes what was moved, and then no more. */
async function cutShort(t: Test, world: MailWorld): Promise<void> {
  const { old } = world.ferry
  {
    await using wire = await ImapWire.open(atNew(world, CARL))
    await wire.command('SELECT INBOX')
    await wire.command('UID MOVE 3 Archive')
    await wire.command('APPEND Renamed/Below () ', message('seven'))
  }
  const here = await everythingOf(atNew(world, CARL))
  const [below = ''] = globSync(join(old.home(CARL), 'mail/**/{.Renamed.Below,Renamed/Below}/tmp'))
  chmodSync(below, 0o500)
  const { attempts } = await done(world, CARL, ['return', CARL, '--write-to-source'], hasFailed)
  t.match(
    attempts.find(({ outcome }) => outcome === 'return-failed'),
    { output: /refuses APPEND \(Renamed\/Below\)/ },
  )
  const { INBOX, Archive } = await everythingOf(atOld(world, CARL))
  t.match([INBOX?.messages['3'], Archive?.messages['1']], [/this is three$/, /this is three$/], 'it has it in both')
  await done(world, CARL, ['retry', CARL], (shown) => {
    const failed = shown.attempts.findIndex(({ outcome }) => outcome === 'return-failed')
    return shown.attempts.slice(0, failed).some(({ outcome }) => outcome === 'complete')
  })
  t.same(await everythingOf(atNew(world, CARL)), here)
  chmodSync(below, 0o700)
  const { route } = await done(world, CARL, ['return', CARL, '--write-to-source'], isLedBack)
  t.equal(route, 'source')
  t.same(await everythingOf(atOld(world, CARL)), here, 'and the next return goes on')
}

/** All that people do to a mailbox. */
async function work(world: MailWorld): Promise<void> {
  await using wire = await ImapWire.open(atNew(world, ANNA))
  await wire.command('APPEND INBOX (\\Flagged kw) "05-Mar-2021 10:00:00 +0000" ', message('seven'))
  await wire.command('APPEND INBOX () ', message('eight'))
  await wire.command('APPEND INBOX () ', message('nine'))
  await wire.command('SELECT INBOX')
  await wire.command('UID STORE 1 +FLAGS (\\Answered mine)')
  await wire.command('UID STORE 1 -FLAGS (\\Seen)')
  for (const uid of [2, 6]) await wire.command(`UID STORE ${uid} +FLAGS (\\Deleted)`)
  await wire.command('EXPUNGE')
  await wire.command('UID MOVE 3 Archive')
  for (const folder of ['Fresh', 'Fresh/Löwe'.replace('ö', '&APY-')]) await wire.command(`CREATE "${folder}"`)
  await wire.command('APPEND Fresh () ', message('ten'))
  await wire.command('SUBSCRIBE Fresh')
  await wire.command('UNSUBSCRIBE Archive')
  await wire.command('RENAME Renamed Named')
  await wire.command('APPEND Named/Below () ', message('eleven'))
  await wire.command('DELETE Leaving')
}

async function ledBack(t: Test, world: MailWorld, debian: Debian): Promise<void> {
  await work(world)
  await world.send('delivered', [ANNA])
  await world.isQuiet()
  const here = await everythingOf(atNew(world, ANNA))
  t.match(await world.signIn(ANNA, PASSWORD), /^OK /, 'it is remembered that she is here')
  await using idle = await ImapWire.open(atNew(world, ANNA))
  await idle.command('SELECT INBOX')
  const words = ['return', ANNA, '--write-to-source']
  const { route, attempts } = await done(world, ANNA, words, isLedBack)
  t.equal(route, 'source')
  // Another attempt may have begun.
  const returned = attempts.find(({ output }) => output.startsWith('led back'))
  t.match(returned, { outcome: 'complete' })
  t.comment(debian.dovecot, returned?.output)
  await t.rejects(idle.command('NOOP'), 'her session was ended')
  const folders = (state: Record<string, { uidValidity: string }>, names: readonly string[]) =>
    Object.fromEntries(Object.entries(state).filter(([name]) => !names.includes(name)))
  const there = await everythingOf(atOld(world, ANNA))
  const made = ['Fresh', 'Fresh/L&APY-we']
  t.same(folders(there, made), folders(here, made), 'the old server has all of it, under the same numbers')
  for (const name of made) t.same({ ...there[name], uidValidity: '' }, { ...here[name], uidValidity: '' })
  t.same(await everythingOf(atNew(world, ANNA)), there, 'and she works there, through here')
  t.match(await auditOf(world, ANNA), [{ action: 'migration.return' }, { action: 'migration.request-return' }])
  await world.send('afterwards', [ANNA])
  await world.isQuiet()
  t.same(world.mailboxesWith('afterwards'), ['old anna@old.example'])
}

async function again(t: Test, world: MailWorld): Promise<void> {
  const { service, old } = world.ferry
  const home = join(world.dovecot.mailRoot, 'old.example/anna')
  {
    await using wire = await ImapWire.open(atOld(world, ANNA))
    await wire.command('DELETE Archive')
  }
  // Messages that were on their way into the mailbox here when she was led back.
  for (const [folder, name] of [
    ['', 'late'],
    ['.Named.Below', 'refused'],
  ] as const) {
    const file = join(home, 'Maildir', folder, `new/1.${name}`)
    writeFileSync(file, message(name))
    chownSync(file, world.dovecot.mailOwner.uid, world.dovecot.mailOwner.gid)
  }
  const [below = ''] = globSync(join(old.home(ANNA), 'mail/**/{.Named.Below,Named/Below}/tmp'))
  chmodSync(below, 0o500)
  const isNamed = ({ outcome, output }: Shown['attempts'][number]) =>
    outcome === 'incomplete' && /Named\/Below: <refused@here>, .*refuses APPEND \(Named\/Below\)/.test(output)
  await done(world, ANNA, ['retry', ANNA], ({ attempts }) => attempts.some(isNamed))
  t.ok(existsSync(join(home, 'Maildir')))
  // As if it had been tried for some minutes.
  await query(service.dataDir, 'update job set failures = 3, due_at = now()')
  await until(() => !existsSync(join(home, 'Maildir')), 'all else goes on')
  const { attempts } = await until(async () => {
    const shown: Shown = await migrationOf(world, ANNA)
    return shown.attempts[0]?.outcome === 'complete' && !shown.copying && shown
  }, 'the attempt has ended')
  t.match(attempts[0]?.output, /kept in .*before\/.*\nNamed\/Below: <refused@here>/)
  t.match((await auditOf(world, ANNA))[0], { action: 'migration.return', detail: /<refused@here>/ })
  chmodSync(below, 0o700)
  await using wire = await ImapWire.open(atNew(world, ANNA))
  await wire.command('SELECT INBOX')
  await wire.command('UID STORE 4 +FLAGS (\\Deleted)')
  await wire.command('EXPUNGE')
  const before = await everythingOf(atOld(world, ANNA))
  const inbox = Object.values(before.INBOX?.messages ?? {}).join()
  t.match(inbox, /this is late/, 'what came late has followed')
  t.notMatch(inbox, /this is three/, 'and what she has removed there since has not')
  await done(world, ANNA, ['flip', ANNA], ({ route }) => route === 'destination')
  const { 'Named/Below': named, ...others } = await everythingOf(atNew(world, ANNA))
  const { 'Named/Below': namedBefore, ...othersBefore } = before
  t.same(others, othersBefore, 'nothing came back, and nothing is twice')
  const added = Object.values(named?.messages ?? {}).filter(
    (one) => !Object.values(namedBefore?.messages ?? {}).includes(one),
  )
  t.match(added, [/this is refused/], 'but what was kept')
}

t.end()
