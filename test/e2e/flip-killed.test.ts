import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { OWN } from '../support/debian.ts'
import { moveProvider, mustRun, rows } from '../support/ferry.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { everythingOf } from '../support/mailbox-state.ts'
import { query } from '../support/query.ts'
import { startRelay } from '../support/relay.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

// A worker is killed in the middle of a flip. A shell script stands in for a program that it runs, and stays at the moment.

const REST = 'touch "$reached"; exec sleep 30'
const WAIT = 'touch "$reached"; while [ ! -e "$reached.go" ]; do sleep 0.05; done; real "$@"'
const BETWEEN = { program: 'mv', at: '*/mirror/*', script: REST } as const
/** The second backup of a flip is the one in its hold. */
const MOMENTS = [
  { who: 'near@old.example', what: 'before the hold', program: 'doveadm', at: '*backup*', script: REST },
  { who: 'first@old.example', what: 'before the first move', program: 'mv', at: '*/before/*', script: REST },
  { who: 'second@old.example', what: 'between the moves', ...BETWEEN },
  { who: 'worker@old.example', what: 'between the moves, and the next worker is the first', ...BETWEEN },
  { who: 'third@old.example', what: 'after both moves', program: 'mv', at: '*/mirror/*', script: `real "$@"; ${REST}` },
  { who: 'last@old.example', what: 'when the person is here', program: 'rm', at: '*/before/*', script: REST },
] as const
const FROZEN = 'frozen@old.example'
/** On the way back: the second look at the mailbox here is the one in the hold. */
const WAY_BACK = [
  { who: 'write@old.example', what: 'while it is written' },
  { who: 'hold@old.example', what: 'in the hold', program: 'doveadm', at: '*size.virtual*', nth: 2 },
  { who: 'leave@old.example', what: 'when the person is there', program: 'mv', at: '*mirror/Maildir*', nth: 1 },
] as const
const REMADE = 'remade@old.example'
const RENAMED = 'renamed@old.example'
const AWAY = 'away@old.example'
const SILENT = 'silent@old.example'
/** Each run of a program waits for a word of its own. */
const EACH = `
  echo >>"$reached.n"
  run=$(wc -l <"$reached.n")
  touch "$reached.$run"
  while [ ! -e "$reached.$run.go" ]; do sleep 0.05; done
  real "$@"`
const people = [
  ...MOMENTS.map(({ who }) => who),
  FROZEN,
  REMADE,
  RENAMED,
  AWAY,
  SILENT,
  ...WAY_BACK.map(({ who }) => who),
]
const PASSWORD = 'a password'
/** Of a worker whose only job came to nothing. */
const EX_TEMPFAIL = 75

t.test('whoever dies in a flip, everybody goes on, and nothing is lost or twice', async (t) => {
  const all = Object.fromEntries(people.map((person) => [person, PASSWORD]))
  await using world = await startMailWorld({ debian: OWN, people: all, isProxied: true })
  for (const person of people) {
    await using wire = await ImapWire.open(at(world, person))
    for (const name of ['one', 'two']) await wire.command('APPEND INBOX (\\Seen) ', message(name))
  }
  for (const { who } of WAY_BACK) {
    await using wire = await ImapWire.open(at(world, who))
    for (const folder of ['Old', 'Anew', 'Gone']) {
      await wire.command(`CREATE ${folder}`)
      for (const name of ['three', 'four']) await wire.command(`APPEND ${folder} () `, message(name))
    }
  }
  const ready = startSync(world.ferry.service, ['--once'])
  t.equal(await ready.end, 0, ready.stderr)
  for (const moment of MOMENTS) await t.test(`killed ${moment.what}`, (t) => killed(t, world, moment))
  for (const moment of WAY_BACK) await t.test(`on the way back, ${moment.what}`, (t) => killedBack(t, world, moment))
  await t.test('an INBOX that becomes another one is mirrored anew', (t) => remade(t, world))
  await t.test('what is renamed or subscribed to while it is mirrored is looked for again', (t) => renamed(t, world))
  await t.test('an old server that goes away in the hold lets nobody be flipped', (t) => away(t, world))
  await t.test('nor does one that says nothing any more', (t) => silent(t, world))
  await t.test('a service that stands still lets nobody be flipped', (t) => frozen(t, world))
})

const message = (name: string) => Buffer.from(`Subject: ${name}\r\n\r\n${name}\r\n`)
const at = (world: MailWorld, user: string) => ({
  ...{ host: 'localhost', port: world.dovecot.port, user, password: PASSWORD },
})
/** Another one may have begun since. */
const attemptThat = (attempts: readonly Attempt[], says: RegExp) => attempts.find(({ output }) => says.test(output))
const failed = (attempts: readonly Attempt[]) => attempts.find(({ outcome }) => outcome === 'flip-failed')?.output
const migrationOf = (world: MailWorld, person: string) => rows(world.ferry.service, 'migration', 'show', person)

async function killed(t: Test, world: MailWorld, moment: (typeof MOMENTS)[number]): Promise<void> {
  const { who } = moment
  const { service } = world.ferry
  const { PATH, reached, remove } = inPlaceOf(moment.program, moment.at, moment.script)
  t.teardown(remove)
  // Mail that came here too early: what lies in the mailbox's place.
  const home = join(world.dovecot.mailRoot, 'old.example', who.split('@')[0] ?? '')
  const early = await world.dovecot.doveadm('mailbox', 'create', '-u', who, 'Early')
  t.equal(early.exitCode, 0, early.stderr)
  const file = join(home, 'Maildir/.Early/new/1.early')
  writeFileSync(file, message('early'))
  chownSync(file, world.dovecot.mailOwner.uid, world.dovecot.mailOwner.gid)
  await mustRun(service, 'migration', 'flip', who)
  const sync = startSync(service, ['--account', who], { PATH })
  await until(async () => existsSync(reached), `it is reached: ${sync.stderr}`)
  sync.kill('SIGKILL')
  await sync.end

  const isHere = moment.what === 'when the person is here'
  // As if the time of the lease had gone by.
  await query(service.dataDir, 'update job set leased_until = now() where holder is not null')
  if (!moment.what.includes('next worker')) {
    // And that of the hold.
    await query(service.dataDir, 'update flip set held_until = now()')
    t.match(await world.signIn(who, PASSWORD), /^OK /, 'whoever signs in goes on')
    t.match(await migrationOf(world, who), { route: isHere ? 'destination' : 'source' })
    t.same(await subjects(world, who), ['one', 'two'])
  }

  if (!isHere) {
    const told = startSync(service, ['--account', who])
    t.equal(await told.end, EX_TEMPFAIL, told.stderr)
    const { route, flip_requested, attempts } = await migrationOf(world, who)
    t.match({ route, flip_requested }, { route: 'source', flip_requested: true })
    t.match(failed(attempts), /the worker died in the flip.*: the first time/, 'it has failed, and waits')
  }
  // It was asked for, and nobody has said otherwise.
  const again = startSync(service, ['--account', who])
  t.equal(await again.end, 0, again.stderr)
  t.match(await migrationOf(world, who), { route: 'destination', code: null })
  t.same(await subjects(world, who), ['one', 'two'])
  t.same(await subjects(world, who, 'Early'), ['early'], 'what lay here before has come along')
  t.same(existsSync(join(home, '.postferry/before')) ? readdirSync(join(home, '.postferry/before')) : [], [])
  t.same((await query(service.dataDir, 'select * from flip')).rows, [])
}

/** So many come here, and have to be written. */
const MANY = 60

async function killedBack(t: Test, world: MailWorld, moment: (typeof WAY_BACK)[number]): Promise<void> {
  const { who } = moment
  const { service, old } = world.ferry
  await mustRun(service, 'migration', 'flip', who)
  const flipping = startSync(service, ['--account', who])
  t.equal(await flipping.end, 0, flipping.stderr)
  {
    await using wire = await ImapWire.open(at(world, who))
    for (let number = 1; number <= MANY; number++) await wire.command('APPEND INBOX () ', message(`new ${number}`))
    await wire.command('SELECT INBOX')
    await wire.command('STORE 1,9 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
    await wire.command('RENAME Old New')
    await wire.command('SELECT New')
    await wire.command('STORE 1 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
    for (const folder of ['Anew', 'Gone']) await wire.command(`DELETE ${folder}`)
    await wire.command('CREATE Anew')
  }
  const here = await everythingOf(at(world, who))
  await mustRun(service, 'migration', 'return', who, '--write-to-source')
  const there = { ...at(world, who), port: old.port }
  if ('program' in moment) {
    const { PATH, reached, remove } = inPlaceOf(moment.program, moment.at, nth(moment.nth))
    t.teardown(remove)
    const first = startSync(service, ['--account', who], { PATH })
    if (moment.program === 'mv') t.equal(await first.end, 0, first.stderr)
    const sync = moment.program === 'mv' ? startSync(service, ['--account', who], { PATH }) : first
    await until(async () => existsSync(reached), `it is reached: ${sync.stderr}`)
    sync.kill('SIGKILL')
    await sync.end
  } else {
    const sync = startSync(service, ['--account', who])
    await until(async () => (await inboxOf(there)) > 5, 'it is written')
    sync.kill('SIGKILL')
    await sync.end
  }
  await query(service.dataDir, 'update flip set held_until = now()')
  await query(service.dataDir, 'update job set leased_until = now() where holder is not null')
  t.match(await world.signIn(who, PASSWORD), /^OK /, 'whoever signs in goes on')
  const isThere = moment.what === 'when the person is there'
  t.match(await migrationOf(world, who), { route: isThere ? 'source' : 'destination' })
  const seen = await everythingOf(at(world, who))
  t.same(isThere ? numbered(seen, here) : seen, here, 'and sees all of it')
  if (!isThere) {
    const told = startSync(service, ['--account', who])
    t.equal(await told.end, EX_TEMPFAIL, told.stderr)
    const { attempts } = await migrationOf(world, who)
    t.match(attemptThat(attempts, /the worker died in the return/), { outcome: 'return-failed' })
  }
  for (let run = 1; run <= 2; run++) {
    const again = startSync(service, ['--account', who])
    t.equal(await again.end, 0, again.stderr)
  }
  t.match(await migrationOf(world, who), { route: 'source' })
  const last = await everythingOf(there)
  t.same(numbered(last, here), here, 'the old server has all of it, and nothing else')
  t.same((await query(service.dataDir, 'select * from flip')).rows, [])
}

/** How many messages it has. Other folders come and go meanwhile. */
async function inboxOf(account: ImapAccount): Promise<number> {
  await using wire = await ImapWire.open(account)
  const said = (await wire.command('EXAMINE INBOX')).map(({ line }) => line).join('\n')
  return Number(/^\* (\d+) EXISTS/m.exec(said)?.[1])
}

/** What was made here has a number of its own there. */
function numbered(there: State, { Anew }: State): State {
  const { uidValidity = '' } = Anew ?? {}
  return { ...there, ...(there.Anew !== undefined && { Anew: { ...there.Anew, uidValidity } }) }
}

interface Attempt {
  readonly outcome: string
  readonly output: string
}

type State = Awaited<ReturnType<typeof everythingOf>>

const nth = (number: number) =>
  `echo >>"$reached.n"; if [ "$(wc -l <"$reached.n")" -eq ${number} ]; then ${REST}; else real "$@"; fi`

async function remade(t: Test, world: MailWorld): Promise<void> {
  const { service, old } = world.ferry
  const changed = await old.doveadm('mailbox', 'update', '-u', REMADE, '--uid-validity', '4711', 'INBOX')
  t.equal(changed.exitCode, 0, changed.stderr)
  const sync = startSync(service, ['--account', REMADE])
  t.equal(await sync.end, 0, sync.stderr)
  const { state, code, attempts } = await migrationOf(world, REMADE)
  t.match({ state, code }, { state: 'synced', code: null })
  t.match(attemptThat(attempts, /made again from nothing/), { outcome: 'complete' })
  const known = await everythingOf(at(world, REMADE))
  await mustRun(service, 'migration', 'flip', REMADE)
  const flipping = startSync(service, ['--account', REMADE])
  t.equal(await flipping.end, 0, flipping.stderr)
  t.match(await migrationOf(world, REMADE), { route: 'destination' })
  t.same(await everythingOf(at(world, REMADE)), known)
}

/** Folders have been listed by the time that doveadm begins. */
async function renamed(t: Test, world: MailWorld): Promise<void> {
  const { service } = world.ferry
  const { PATH, reached, goOn, remove } = inPlaceOf('doveadm', '*backup*', WAIT)
  t.teardown(remove)
  {
    await using wire = await ImapWire.open(at(world, RENAMED))
    await wire.command('CREATE Before')
    await wire.command('APPEND Before () ', message('three'))
  }
  const sync = startSync(service, ['--account', RENAMED], { PATH })
  await until(async () => existsSync(reached), `it is reached: ${sync.stderr}`)
  {
    await using wire = await ImapWire.open(at(world, RENAMED))
    await wire.command('RENAME Before After')
  }
  goOn()
  t.equal(await sync.end, 0, sync.stderr)
  t.match(await migrationOf(world, RENAMED), { ready: true, state: 'synced', code: null })
  const near = inPlaceOf('doveadm', '*uidnext*', WAIT)
  t.teardown(near.remove)
  await mustRun(service, 'migration', 'flip', RENAMED)
  const flipping = startSync(service, ['--account', RENAMED], { PATH: near.PATH })
  await until(async () => existsSync(near.reached), `it is reached: ${flipping.stderr}`)
  {
    await using wire = await ImapWire.open(at(world, RENAMED))
    await wire.command('SUBSCRIBE After')
  }
  const known = await everythingOf(at(world, RENAMED))
  near.goOn()
  t.equal(await flipping.end, 0, flipping.stderr)
  t.match(await migrationOf(world, RENAMED), { route: 'destination' })
  t.same(await everythingOf(at(world, RENAMED)), known)
}

async function away(t: Test, world: MailWorld): Promise<void> {
  const { service, old } = world.ferry
  const { held, goOn, sync } = await inHold(t, world, AWAY)
  await old.kill()
  goOn()
  t.equal(await sync.end, EX_TEMPFAIL, sync.stderr)
  const { route, attempts } = await migrationOf(world, AWAY)
  t.equal(route, 'source')
  t.match(failed(attempts), /old server/)
  t.same((await query(service.dataDir, 'select * from flip')).rows, [])
  await held
  await old.start()
  await goesOnThere(t, world, AWAY)
}

/** Nobody tells it that the connection is lost: the flip ends by its own time. */
async function silent(t: Test, world: MailWorld): Promise<void> {
  const { service, old } = world.ferry
  await using relay = await startRelay(old.tlsPort)
  await moveProvider(service, 'old', relay.port)
  const { held, goOn, sync } = await inHold(t, world, SILENT)
  relay.lose()
  goOn()
  t.match(await held, /^OK /, 'who waited is let in')
  t.equal(await sync.end, EX_TEMPFAIL, sync.stderr)
  const { route, attempts } = await migrationOf(world, SILENT)
  t.equal(route, 'source')
  t.match(failed(attempts), /the flip took longer than anybody may be held/)
  await goesOnThere(t, world, SILENT)
  await moveProvider(service, 'old', old.tlsPort)
}

/** A flip that has come to the last changes. Who signs in then is held. */
async function inHold(t: Test, world: MailWorld, who: string) {
  const { service } = world.ferry
  const programs = inPlaceOf('doveadm', '*backup*', EACH)
  t.teardown(programs.remove)
  await mustRun(service, 'migration', 'flip', who)
  const sync = startSync(service, ['--account', who], { PATH: programs.PATH })
  await until(async () => existsSync(`${programs.reached}.1`), `it comes near: ${sync.stderr}`)
  {
    await using wire = await ImapWire.open(at(world, who))
    await wire.command('APPEND INBOX () ', message('three'))
  }
  writeFileSync(`${programs.reached}.1.go`, '')
  await until(async () => existsSync(`${programs.reached}.2`), `it is held: ${sync.stderr}`)
  t.match(await migrationOf(world, who), { route: 'held' })
  return { held: world.signIn(who, PASSWORD), goOn: () => writeFileSync(`${programs.reached}.2.go`, ''), sync }
}

/** As if nothing had happened; and then they are flipped. */
async function goesOnThere(t: Test, world: MailWorld, who: string): Promise<void> {
  const { service } = world.ferry
  await until(async () => /^OK /.test(await world.signIn(who, PASSWORD)), 'they go on')
  t.same(await subjects(world, who), ['one', 'three', 'two'])
  await mustRun(service, 'migration', 'flip', who)
  const flipping = startSync(service, ['--account', who])
  t.equal(await flipping.end, 0, flipping.stderr)
  t.match(await migrationOf(world, who), { route: 'destination', code: null })
  t.same(await subjects(world, who), ['one', 'three', 'two'])
}

async function frozen(t: Test, world: MailWorld): Promise<void> {
  const { service } = world.ferry
  const { PATH, reached, goOn, remove } = inPlaceOf('doveadm', '*backup*', WAIT)
  t.teardown(remove)
  await mustRun(service, 'migration', 'flip', FROZEN)
  const sync = startSync(service, ['--account', FROZEN], { PATH })
  await until(async () => existsSync(reached), `it is reached: ${sync.stderr}`)
  process.kill(service.pid, 'SIGSTOP')
  goOn()
  await sync.end.finally(() => process.kill(service.pid, 'SIGCONT'))
  const { route, attempts } = await migrationOf(world, FROZEN)
  t.equal(route, 'source')
  t.match(attemptThat(attempts, /does not confirm that it holds/), { outcome: 'flip-failed' })
  // At first it may not know again where people are.
  await until(async () => /^OK /.test(await world.signIn(FROZEN, PASSWORD)), 'the service goes on')
  t.same(await subjects(world, FROZEN), ['one', 'two'])
}

async function subjects(world: MailWorld, person: string, mailbox = 'INBOX'): Promise<string[]> {
  await using wire = await ImapWire.open(at(world, person))
  await wire.command(`EXAMINE ${mailbox}`)
  const found = await wire.command('FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
  return found.flatMap(({ literals }) => /Subject: (.*)\r/.exec(literals[0]?.toString() ?? '')?.[1] ?? []).sort()
}

function inPlaceOf(program: string, pattern: string, what: string) {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-programs-'))
  chmodSync(folder, 0o777)
  const reached = join(folder, 'reached')
  const script = `#!/bin/sh
reached=${reached}
real() { PATH="\${PATH#*:}" ${program} "$@"; }
case "$*" in ${pattern}) ${what};; *) real "$@";; esac
`
  writeFileSync(join(folder, program), script, { mode: 0o755 })
  chmodSync(join(folder, program), 0o755)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const goOn = () => writeFileSync(`${reached}.go`, '')
  return { goOn, PATH: `${folder}:${process.env.PATH}:/usr/sbin`, reached, remove }
}
