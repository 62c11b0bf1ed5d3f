import type { Command } from 'commander'
import t from 'tap'
import { program } from '../../src/cli/program.ts'
import { explain } from '../../src/cli/terminal/exit.ts'
import { loadSettings } from '../../src/settings.ts'
import { COMPILED } from '../support/compiled.ts'
import { MAIN } from '../support/program.ts'
import { runPostferry, runProgram } from '../support/service.ts'
import { mistakeIn } from './mistake.ts'

const NOWHERE = { ...COMPILED, POSTFERRY_DATA_DIR: '/dev/null/nowhere', POSTFERRY_PORT: '0' }
t.test('a mistake in the arguments is one line that names it, and exit code 64', async (t) => {
  const add = ['provider', 'add', 'old', '--host', 'imap.old.example']
  const mistakes: [string[], RegExp][] = [
    [['nonsense'], /unknown command 'nonsense'/],
    [['provider', 'nonsense'], /unknown command 'nonsense'/],
    [['provider', 'list', 'more'], /too many arguments/],
    [['provider', 'list', '--nonsense'], /unknown option '--nonsense'/],
    [['provider', 'add', 'old'], /--host/],
    [['provider', 'add', '--host', 'h'], /missing required argument 'name'/],
    [['provider', 'set', 'old'], /say what to change/],
    [['domain', 'add', 'old.example'], /--provider/],
    [['domain', 'add', 'two words', '--provider', 'old'], /'domain'/],
    [['domain', 'add', 'old.example', '--provider', 'old', '--new-domain', '-'], /--new-domain/],
    [['account', 'show', 'anna'], /'address'/],
    [['account', 'show', 'anna b@old.example'], /'address'/],
    [['sync', '--slots', '0'], /--slots/],
    ...['nonsense', '', 'localhost', '192.0.2.1:99999', '192.0.2.1:x'].map((server): [string[], RegExp] => [
      ['doctor', `--dns-server=${server}`],
      /--dns-server .*IP address/,
    ]),
    [['sync', '--account', 'anna'], /--account/],
    [['migration', 'list', '--state', 'nonsense'], /--state .*pending/],
    [['migration', 'list', '--domain', 'a b'], /--domain/],
    [['migration', 'list', '--code', 'Not A Code'], /--code/],
    [['migration', 'list', '--search='], /--search/],
    ...['yesterday', '2026-13-01', '1', '2026-11-23 14:00'].map((since): [string[], RegExp] => [
      ['audit', 'list', '--since', since],
      /--since/,
    ]),
    [['audit', 'list', '--address', 'anna'], /--address/],
    ...['', 'two\nlines', 'x'.repeat(501)].map((reason): [string[], RegExp] => [
      ['account', 'disable', 'anna@old.example', `--reason=${reason}`],
      /--reason/,
    ]),
    [['provider', 'test', 'old', '--sign-in='], /--sign-in/],
    [['admin', 'add', 'two words'], /'name'/],
    [['admin', 'add', 'anna', '--role', 'boss'], /--role .*operator/],
    [['admin', 'role', 'anna', 'boss'], /'role'.*operator/],
    [['admin', 'role', 'anna'], /'role'/],
    [['admin', 'list', '--reason', 'none'], /unknown option '--reason'/],
    [['import'], /'file'/],
    [['migration', 'list', '--csv', '--json'], /--json|--csv/],
    [['report', '--csv', '--json'], /--json|--csv/],
    ...['two words', '', '.hidden', '-x', 'ä', 'x'.repeat(65)].map((name): [string[], RegExp] => [
      ['provider', 'add', '--host', 'h', '--', name],
      /'name'/,
    ]),
    ...[
      '',
      'a b',
      'imaps://h',
      'h:993',
      '[::1]',
      'h/x',
      '-h',
      '1234',
      '1.2.3',
      'a..b',
      '%n',
      `${'x'.repeat(64)}.de`,
    ].map((host): [string[], RegExp] => [['provider', 'add', 'old', `--host=${host}`], /--host/]),
    ...['0', '65536', '99999999999', '-1', '1.5', '0x10', ' 993', ''].map((port): [string[], RegExp] => [
      [...add, `--port=${port}`],
      /--port/,
    ]),
    ...['', 'aa', 'g'.repeat(64), 'a'.repeat(65), `${'aa:'.repeat(31)}aa:`, `a:${'a'.repeat(63)}`].map(
      (sha): [string[], RegExp] => [[...add, `--fingerprint=${sha}`], /--fingerprint/],
    ),
    [[...add, '--tls', 'ssl'], /--tls .*starttls/],
    [[...add, '--max-connections', '0'], /--max-connections/],
    [[...add, '--login-name', '%d'], /--login-name/],
    [[...add, '--cutover', 'never'], /--cutover/],
    [[...add, '--flip', 'sometimes'], /--flip/],
    [[...add, '--pop3-port', '0'], /--pop3-port/],
    [[...add, '--sieve-port', 'x'], /--sieve-port/],
    [[...add, '--window', '20:00'], /--window/],
    [[...add, '--window', '20:00-06:00 Europe/Nowhere'], /no time zone Europe\/Nowhere/],
    [[...add, '--include='], /--include/],
    [[...add, '--exclude', 'a\nb = c'], /--exclude/],
    [[...add, '--exclude', 'a\u0085b'], /--exclude/],
  ]
  for (const [args, line] of mistakes) {
    const mistake = await mistakeIn(args)
    t.match(mistake, { exitCode: 64, line }, args.join(' '))
    t.match(mistake.line, /^postferry: [^\p{Cc}]+\n$/u, 'one line without control characters')
  }
})

t.test('what a person would write for a host or a fingerprint is taken', async (t) => {
  for (const host of [
    'imap.old.example',
    'IMAP.Old.Example.',
    'old_imap',
    'localhost',
    '192.0.2.1',
    '2001:db8::1',
    'büro.example',
  ]) {
    t.match(await mistakeIn(['provider', 'add', 'old', '--host', host]), { line: /accepted/ }, host)
  }
  for (const sha of ['aB'.repeat(32), `${'Ab:'.repeat(31)}cD`]) {
    t.match(await mistakeIn(['provider', 'add', 'old', '--host', 'h', '--fingerprint', sha]), { line: /accepted/ }, sha)
  }
})

t.test('commands of later versions are not there', async (t) => {
  const later = ['emit']
  for (const command of later) {
    t.match(await mistakeIn(command.split(' ')), { exitCode: 64, line: /unknown command/ }, command)
  }
})

t.test('every command has a description and examples that it understands', async (t) => {
  // One of them writes a file where it runs.
  const checkout = process.cwd()
  process.chdir(t.testdir())
  t.teardown(() => process.chdir(checkout))
  for (const command of leaves(
    program({
      settings: unused,
      engine: unused,
      sessions: unused,
      room: unused,
      becomeOwner: unused,
      open: unused,
      openUnready: unused,
      serve: unused,
      openCopying: unused,
      checkBackup: unused,
    }),
  )) {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
    t.ok(command.description(), command.name())
    const examples = help.split('Examples:\n')[1]?.trim().split('\n') ?? []
    t.ok(examples.length > 0, `${command.name()} has an example`)
    for (const example of examples) {
      // Without quotes, redirections, pipes and settings before it.
      const words = example
        .replace(/^.*postferry /, '')
        .replace(/ [<|].*$/, '')
        .replaceAll("'", '')
      t.notMatch((await mistakeIn(words.split(' '))).line, '(--help shows how)', example)
    }
  }
})

t.test('--help and --version work whatever the settings are', async (t) => {
  const wrong = { ...COMPILED, POSTFERRY_PORT: 'nonsense' }
  const [help, version, none, one] = await Promise.all([
    runPostferry(['provider', 'add', '--help'], wrong),
    runPostferry(['--version'], wrong),
    runPostferry([], wrong),
    runPostferry(['provider', 'list'], wrong),
  ])
  t.match(help, { exitCode: 0, stdout: /--fingerprint <sha256>/, stderr: '' })
  t.match(version, { exitCode: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
  t.match(none, { exitCode: 64, stdout: '', stderr: /^Usage: postferry/ })
  t.same(one, { exitCode: 78, stdout: '', stderr: 'postferry: POSTFERRY_PORT must be a port from 0 to 65535\n' })
})

t.test('where standard error cannot be written, the exit code tells', async (t) => {
  const program = ['exec "$@" 2>/dev/full', 'sh', process.execPath, MAIN, 'nonsense']
  t.equal((await runProgram('sh', ['-c', ...program], NOWHERE)).exitCode, 64)
})

t.test('time limits that do not add up are one line that names which', (t) => {
  const flaw = (OLD: string, ANSWER: string) => () =>
    loadSettings({ POSTFERRY_OLD_LIMIT_SECONDS: OLD, POSTFERRY_ANSWER_LIMIT_SECONDS: ANSWER })
  t.throws(flaw('0', '35'), { message: 'POSTFERRY_OLD_LIMIT_SECONDS must be at least 1' })
  t.throws(flaw('40', '44'), { message: /^POSTFERRY_ANSWER_LIMIT_SECONDS must be at least .*45/ })
  t.throws(flaw('15', '50'), { message: 'POSTFERRY_ANSWER_LIMIT_SECONDS must be at most 49' })
  t.match(flaw('15', '49')(), { sourceLimitMs: 15_000, answerLimitMs: 49_000 })
  t.end()
})

t.test('a data directory that cannot be made is one line and exit code 73', async (t) => {
  const commands = [['provider', 'list'], ['key', 'init'], ['sync', '--once'], ['serve']]
  for (const dataDir of ['/dev/null/nowhere', '/proc/nowhere/below']) {
    const ended = await Promise.all(
      commands.map((args) => runPostferry(args, { ...NOWHERE, POSTFERRY_DATA_DIR: dataDir })),
    )
    for (const [at, { exitCode, stderr }] of ended.entries()) {
      t.equal(exitCode, 73, `${commands[at]} in ${dataDir}`)
      t.match(stderr, /^postferry: POSTFERRY_DATA_DIR: [^\n]*\n$/)
    }
  }
})

t.test('a database that is away is one line without its password, and exit code 69', async (t) => {
  const urls = [
    'postgres://u:s3cret@127.0.0.1:1/x',
    'postgres://u:s3cret@localhost:1/x',
    'postgres://u:s3cret@nowhere.invalid/x',
  ]
  await Promise.all(
    urls.map(async (url) => {
      const { exitCode, stderr, stdout } = await runPostferry(['account', 'list', '--json'], {
        ...NOWHERE,
        DATABASE_URL: url,
      })
      t.equal(exitCode, 69)
      t.match(stderr, /^[^\n]*\n$/)
      t.match(JSON.parse(stderr), { error: /^the database is away: /, exit_code: 69 }, 'as JSON, which was asked for')
      t.notMatch(stderr + stdout, /s3cret/)
      t.equal(stdout, '')
    }),
  )
})

t.test('what the database says is told in one line, with the exit code of whose fault it is', async (t) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), {
    syscall: 'connect',
    code: 'ECONNREFUSED',
  })
  const said = (code: string, message: string) => Object.assign(new Error(message), { severity: 'FATAL', code })
  const causes: [Error, number, string][] = [
    [new AggregateError([refused, refused]), 69, 'the database is away: connect ECONNREFUSED ::1:5432'],
    [fromSystem('write', 'EPIPE'), 69, 'the database is away: EPIPE'],
    [fromSystem('read', 'ECONNRESET'), 69, 'the database is away: ECONNRESET'],
    [fromSystem('write', 'ENOSPC'), 74, 'ENOSPC'],
    [fromSystem('read', 'EISDIR'), 69, 'EISDIR'],
    [new Error('timeout exceeded when trying to connect'), 69, 'the database is away: timeout exceeded'],
    [said('57P03', 'the database system is starting up'), 69, 'the database is away: the database system is starting'],
    [said('53300', 'too many clients already'), 69, 'the database is away: too many clients'],
    [
      said('28P01', 'password authentication failed for user "u"'),
      78,
      'DATABASE_URL: the database refuses it: password',
    ],
    [said('3D000', 'database "x" does not exist'), 78, 'DATABASE_URL: the database refuses it: database "x"'],
    [said('42P01', 'relation "y" does not exist'), 70, 'the database refuses a statement'],
    [new TypeError('undefined is not\na function'), 70, 'undefined is not a function (this is a bug in postferry)'],
  ]
  for (const [cause, exitCode, line] of causes) t.match(explain(cause), { exitCode, line: `postferry: ${line}` })
})

function fromSystem(syscall: string, code: string): Error {
  return Object.assign(new Error(`${code}: said by the system`), { syscall, code })
}

function unused(): never {
  throw new Error('help needs nothing')
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}
