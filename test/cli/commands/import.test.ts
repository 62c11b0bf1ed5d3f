import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COMPILED } from '../../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../../support/ferry.ts'
import { MAIN } from '../../support/program.ts'
import { formsFound } from '../../support/secrets.ts'
import { runProgram } from '../../support/service.ts'
import { mistakeIn } from '../mistake.ts'

const PEOPLE = {
  anna7: 'pw of anna',
  'bert@renamed.example': 'pw, "of" bert',
  'carl@old.example': 'pw of carl',
  'dora@old.example': 'pw of dora',
  'emil@old.example': 'pw of emil',
}
let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
})
t.after(() => ferry[Symbol.asyncDispose]())

function file(text: string): string {
  const path = join(ferry.service.dataDir, 'people.csv')
  writeFileSync(path, text)
  return path
}

const load = async (text: string, ...options: string[]) => {
  const ended = await ferry.service.run(['import', file(text), '--json', ...options])
  return { ...ended, result: ended.stdout === '' ? null : JSON.parse(ended.stdout) }
}
const stateOf = async (address: string) => (await rows(ferry.service, 'migration', 'show', address)).state
const list = (...filter: string[]) => rows(ferry.service, 'migration', 'list', ...filter)
const verdictOn = async (user: string, password: string) => (await ferry.service.passdb(user, password)).body.verdict

const GOOD = `address,old_username,old_password
anna@old.example,anna7
Bert@Renamed.example,,"pw, ""of"" bert"
carl@old.example,,not the password
`

t.test('when a line is bad nobody is imported, and every bad line is told with its number', async (t) => {
  const bad = `${GOOD}nonsense
eve@elsewhere.example
ANNA@old.example,other
dora@old.example,,"s3cret and broken
`
  const reasons = [
    { number: 5, reason: /no mail address/ },
    { number: 6, reason: /no provider serves its domain/ },
    { number: 7, reason: /the same person stands in line 2/ },
    { number: 8, reason: /quotes/ },
  ]
  for (const options of [[], ['--dry-run']]) {
    const { exitCode, result, stderr, stdout } = await load(bad, ...options)
    t.equal(exitCode, 65)
    t.match(stderr, /^\{"error":"4 of 7 lines cannot be imported/)
    t.match(result, { bad_lines: reasons, lines: 7, bad: 4, awaited: 1, pending: 2, kept: 0, written: false })
    t.same(formsFound(Buffer.from(stdout + stderr), ['s3cret', 'not the password']), [])
  }
  t.same(await list(), [])
  const spoken = await ferry.service.run(['import', file(bad)])
  t.match(
    spoken.stdout,
    /^line 5: its address is no mail address\nline 6: .*\nline 7: .*\nline 8: .*\nwould import 3 of 7/,
  )
})

t.test('a dry run of good lines says what would be done, and writes nothing', async (t) => {
  const { exitCode, result } = await load(GOOD, '--dry-run')
  t.match({ exitCode, result }, { exitCode: 0, result: { bad_lines: [], awaited: 1, pending: 2, written: false } })
  t.same(await list(), [])
})

t.test('people are awaited, or copied at once where their password came along', async (t) => {
  t.match((await load(GOOD, '--reason', 'first batch')).result, { awaited: 1, pending: 2, kept: 0, written: true })
  t.match(await list(), [
    { address: 'anna@old.example', old_username: 'anna7', state: 'awaited', route: 'destination' },
    { address: 'bert@new.example', old_username: 'bert@renamed.example', state: 'pending' },
    { address: 'carl@old.example', old_username: 'carl@old.example', state: 'pending' },
  ])
  t.same(await rows(ferry.service, 'account', 'list'), [], 'nobody gets an account without the word of the source')
  t.match((await rows(ferry.service, 'migration', 'show', 'bert@renamed.example')).audit, [
    {
      action: 'migration.import',
      actor: /^cli:/,
      reason: 'first batch',
      detail: 'pending',
      subject: 'bert@new.example',
    },
  ])
  const ids = (await list('--state', 'pending')).map(({ id }: { id: string }) => id)
  const opened = await ferry.service.run(['credential', 'open'], ids.join('\n'))
  t.match(
    opened.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { user: 'bert@renamed.example', password: 'pw, "of" bert' },
      { user: 'carl@old.example', password: 'not the password' },
    ],
  )
})

t.test('the same file again changes nothing, and a later one completes who is awaited', async (t) => {
  const before = await list()
  t.match((await load(GOOD)).result, { awaited: 0, pending: 0, kept: 3, written: true })
  t.same(await list(), before)
  t.match((await load('dora@old.example\nemil@old.example\n')).result, { awaited: 2 })
  t.match((await load('dora@old.example,,pw of dora\nemil@old.example,other\n')).result, { awaited: 1, pending: 1 })
  t.match(await list('--search', 'EMIL'), [{ state: 'awaited', old_username: 'other' }])
  t.match((await load('emil@old.example,emil@old.example\n')).result, { awaited: 1, pending: 0, kept: 0 })
  t.equal(await stateOf('dora@old.example'), 'pending')
})

t.test('an awaited person signs in as who the file says, and is provisioned', async (t) => {
  t.match((await load('address,quota\nanna@old.example,3G\n')).result, { awaited: 1, kept: 0 })
  const asked = await ferry.old.loginCount()
  t.equal(await verdictOn('anna@old.example', 'wrong'), 'mismatch')
  t.equal(await stateOf('anna@old.example'), 'awaited')
  t.equal(await verdictOn('anna@old.example', 'pw of anna'), 'ok')
  t.equal(await ferry.old.loginCount(), asked + 2)
  t.match(await rows(ferry.service, 'account', 'show', 'anna@old.example'), { quota_bytes: 3 * 1024 ** 3 })
  const anna = await rows(ferry.service, 'migration', 'show', 'anna@old.example')
  t.match(anna, { state: 'pending', old_username: 'anna7', credential_sealed_to: [/^age1/] })
  t.match(anna.audit, [{ action: 'migration.provision', actor: 'person' }, { action: 'migration.import' }])
  t.equal(await verdictOn('anna@old.example', 'pw of anna'), 'ok')
  t.equal(await ferry.old.loginCount(), asked + 2, 'the second sign-in is decided here')
})

t.test('a wrong password of the file lets nobody in, and the right one takes its place', async (t) => {
  t.equal(await verdictOn('carl@old.example', 'not the password'), 'mismatch')
  t.equal(await verdictOn('carl@old.example', 'pw of carl'), 'ok')
  const [{ id }] = await list('--search', 'carl')
  t.match((await ferry.service.run(['credential', 'open'], id)).stdout, '"password":"pw of carl"')
})

t.test('who is awaited is paused, given a password and given up by an administrator', async (t) => {
  t.match(await rows(ferry.service, 'migration', 'pause', 'emil@old.example'), { paused_from: 'awaited' })
  const set = await ferry.service.run(['migration', 'set-password', 'emil@old.example'], 'pw of emil\n')
  t.equal(set.exitCode, 0, set.stderr)
  t.match(await rows(ferry.service, 'migration', 'resume', 'emil@old.example'), { state: 'pending' })
  await load('fritz@old.example\n')
  await ferry.old.setPassword('fritz@old.example', 'pw of fritz')
  const finish = ['migration', 'finish', 'fritz@old.example']
  t.match(await mistakeIn(finish, ferry.service.environment), {
    exitCode: 65,
    line: /has not signed in yet: .*; --force/,
  })
  t.match(await mustRun(ferry.service, ...finish, '--force'), /is done now/)
  t.equal(await verdictOn('fritz@old.example', 'pw of fritz'), 'disabled')
  t.equal(await verdictOn('fritz@old.example', 'wrong'), 'mismatch')
  await mustRun(ferry.service, 'provider', 'set', 'old', '--reopens')
  t.equal(await verdictOn('fritz@old.example', 'pw of fritz'), 'ok')
  t.equal(await stateOf('fritz@old.example'), 'pending')
  await mustRun(ferry.service, 'provider', 'set', 'old', '--no-reopens')
})

t.test('passwords are asked at the old server when that is wanted', async (t) => {
  await ferry.old.setPassword('gerd@old.example', 'pw of gerd')
  await ferry.old.setPassword('hugo@old.example', 'pw of hugo')
  const people = 'gerd@old.example,,pw of gerd\nhugo@old.example,,wrong\nida@old.example\n'
  const { exitCode, result } = await load(people, '--verify', '--skip-bad')
  t.equal(exitCode, 0)
  t.match(result, { bad_lines: [{ number: 2, reason: /refuses/ }], awaited: 1, pending: 1, bad: 1, written: true })
  await ferry.old.stop()
  t.match((await load('jan@old.example,,x\n', '--verify')).result, { bad_lines: [{ reason: /old-unreachable/ }] })
  await ferry.old.start()
  t.same(await list('--search', 'jan'), [])
})

t.test('a file comes by standard input as well; one that cannot be read is one line', async (t) => {
  const piped = await ferry.service.run(['import', '-'], 'kai@old.example\n')
  t.match(piped, {
    exitCode: 0,
    stdout: 'imported 1 of 1 people: 1 awaited, 0 with their password; 0 were there already, 0 lines are bad\n',
    stderr: '',
  })
  for (const path of ['/nowhere/people.csv', '/tmp']) {
    t.match(await mistakeIn(['import', path], ferry.service.environment), { exitCode: 65, line: /cannot read .* \(E/ })
  }
  t.match(await ferry.service.run(['import', '-'], 'address,nonsense\n'), { exitCode: 65, stderr: /header/ })
  const empty = { exitCode: 65, stdout: '', stderr: 'postferry: the file names nobody\n' }
  t.same(await ferry.service.run(['import', '-']), empty)
  t.same(await ferry.service.run(['import', '/dev/null', '--dry-run']), empty)
  t.same(await ferry.service.run(['import', '-'], 'address\n'), empty)
})

t.test('on a terminal one line tells how far it is, and is gone at the end', async (t) => {
  const people = file(Array.from({ length: 600 }, (_, at) => `t${at}@old.example\n`).join(''))
  const command = `${process.execPath} ${MAIN} import ${people} --dry-run`
  const { stdout, exitCode } = await runProgram('script', ['-qec', command, '/dev/null'], ferry.service.environment)
  t.equal(exitCode, 0)
  const [first, last] = [
    stdout.indexOf('\r\u001b[K250 lines read'),
    stdout.indexOf('\r\u001b[Kwould import 600 of 600 people'),
  ]
  t.equal(first, 0)
  t.ok(last > first, JSON.stringify(stdout))
})

t.end()
