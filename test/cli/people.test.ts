import { spawn } from 'node:child_process'
import { once } from 'node:events'
import pg from 'pg'
import t from 'tap'
import { openEmbedded } from '../../src/db/embedded/postgres.ts'
import { COMPILED } from '../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { MAIN } from '../support/program.ts'
import { runProgram } from '../support/service.ts'
import { until } from '../support/until.ts'
import { mistakeIn } from './mistake.ts'

const PEOPLE = {
  'anna@old.example': 'pw of anna',
  'bert@renamed.example': 'pw of bert',
  'carl@old.example': 'pw "of" \\carl ü',
}
let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
  for (const [user, password] of Object.entries(PEOPLE)) await ferry.service.passdb(user, password)
})
t.after(() => ferry[Symbol.asyncDispose]())

/** A command that fails in this process: its line and exit code. */
const mistake = (...args: string[]) => mistakeIn(args, ferry.service.environment)
const verdictOn = async (user: string, password: string) => (await ferry.service.passdb(user, password)).body.verdict
const addresses = (list: { address: string }[]) => list.map(({ address }) => address)

t.test('accounts are listed and shown, by the old address too', async (t) => {
  const all = await rows(ferry.service, 'account', 'list')
  t.same(addresses(all), ['anna@old.example', 'bert@new.example', 'carl@old.example'])
  const bert = { address: 'bert@new.example', enabled: true, home: '/var/vmail/new.example/bert', quota_bytes: null }
  t.same(all[1], bert)
  t.same(await rows(ferry.service, 'account', 'show', 'Bert@Renamed.example'), bert)
  t.match(
    await mustRun(ferry.service, 'account', 'list'),
    /^ADDRESS +ENABLED +QUOTA BYTES +HOME\nanna@old\.example +yes +- +\/var\//,
  )
})

t.test('a quota is set, reaches Dovecot with the next answer, and is taken away', async (t) => {
  const fields = async () => (await ferry.service.passdb('anna@old.example', PEOPLE['anna@old.example'])).body.fields
  const rule = async (expected: string | undefined) =>
    await until(async () => (await fields()).userdb_quota_rule === expected, `quota_rule ${expected}`)
  const quota = (...args: string[]) => mustRun(ferry.service, 'account', 'quota', 'Anna@old.example', ...args)
  t.equal(await quota('1536M', '--reason', 'as agreed'), 'anna@old.example may have 1536M of mail\n')
  await rule(`*:bytes=${1536 * 1024 ** 2}`)
  t.match(await rows(ferry.service, 'account', 'show', 'anna@old.example'), { quota_bytes: 1536 * 1024 ** 2 })
  t.equal(await quota('none'), 'anna@old.example has no quota\n')
  await rule(undefined)
  const [off, on] = await rows(ferry.service, 'audit', 'list', '--address', 'anna@old.example')
  t.match(off, { action: 'account.quota', detail: 'none' })
  t.match(on, { action: 'account.quota', detail: `${1536 * 1024 ** 2} bytes`, reason: 'as agreed' })
  for (const size of ['0', '-1', '1.5G', 'much', '1E', '9999999999T', '']) {
    t.match(
      await mistake('account', 'quota', 'anna@old.example', '--', size),
      { exitCode: 64, line: /'size'.*500M/ },
      size,
    )
  }
  t.match(await mistake('account', 'quota', 'nobody@old.example', '1G'), { exitCode: 65, line: /no account/ })
})

t.test(
  'a password of the destination comes from standard input as it is, and the source is not asked about it any more',
  async (t) => {
    const passwd = (input: string) => ferry.service.run(['account', 'passwd', 'carl@old.example'], input)
    t.match(await passwd('  set here\t \n'), { exitCode: 0, stdout: /has a new password/, stderr: '' })
    t.equal(await verdictOn('carl@old.example', '  set here\t '), 'ok')
    t.equal(await verdictOn('carl@old.example', 'set here'), 'mismatch')
    t.equal(await verdictOn('carl@old.example', PEOPLE['carl@old.example']), 'mismatch')
    const refused = ['\n', 'two\nlines\n', 'carriage return\r\n', 'x'.repeat(100_000)]
    await Promise.all(
      refused.map(async (input) => {
        const { exitCode, stderr } = await passwd(input)
        t.equal(exitCode, 65, JSON.stringify(input.slice(0, 20)))
        t.match(stderr, /^postferry: [^\n]*password[^\n]*\n$/)
      }),
    )
    const args = [MAIN, 'account', 'passwd', 'carl@old.example']
    const latin1 = await runProgram(process.execPath, args, ferry.service.environment, Buffer.from('ü\n', 'latin1'))
    t.match(latin1, { exitCode: 65, stderr: /not UTF-8/ })
    t.equal(await verdictOn('carl@old.example', '  set here\t '), 'ok', 'nothing else was set')
  },
)

t.test('a password typed at a terminal is asked twice and not shown', async (t) => {
  const command = `${process.execPath} ${MAIN} account passwd anna@old.example`
  const type = async (first: string, second: string) => {
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { env: ferry.service.environment })
    let seen = ''
    const typed = [first, second]
    terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      seen += chunk
      if (/: $/.test(chunk)) terminal.stdin.write(`${typed.shift()}\r`)
    })
    await once(terminal, 'close')
    return { exitCode: terminal.exitCode, seen }
  }
  const [differ, same] = await Promise.all([type('typed one', 'typed two'), type('typed ünï', 'typed ünï')])
  t.match(differ, { exitCode: 65, seen: /not the same/ })
  t.match(same, { exitCode: 0, seen: /Password of anna@old\.example: .*again: .*has a new password/s })
  t.notMatch(differ.seen + same.seen, /typed/)
  t.equal(await verdictOn('anna@old.example', 'typed ünï'), 'ok')
})

t.test('to copy somebody who is not there says only that', async (t) => {
  const nobody = await ferry.service.run(['sync', '--account', 'nobody@old.example'])
  t.same(nobody, { exitCode: 65, stdout: '', stderr: 'postferry: there is no migration of nobody@old.example\n' })
})

t.test('a disabled account lets nobody in until it is enabled', async (t) => {
  t.match(await rows(ferry.service, 'account', 'disable', 'anna@old.example'), { enabled: false })
  t.equal(await verdictOn('anna@old.example', 'typed ünï'), 'disabled')
  t.match(await rows(ferry.service, 'account', 'enable', 'anna@old.example'), { enabled: true })
  t.equal(await verdictOn('anna@old.example', 'typed ünï'), 'ok')
})

t.test('migrations are listed by state, provider and old domain', async (t) => {
  const list = (...filter: string[]) => rows(ferry.service, 'migration', 'list', ...filter)
  const [all, renamed, none] = await Promise.all([
    list(),
    list('--state', 'pending', '--provider', 'old', '--domain', 'Renamed.example'),
    list('--state', 'failed'),
  ])
  t.same(addresses(all), ['anna@old.example', 'bert@new.example', 'carl@old.example'])
  t.same(addresses(renamed), ['bert@new.example'])
  t.same(none, [])
  t.match(renamed[0], {
    ...{ old_username: 'bert@renamed.example', old_domain: 'renamed.example', provider: 'old', state: 'pending' },
    ...{ route: 'destination', code: null, paused_from: null, id: /^\d+$/ },
  })
  const shown = await rows(ferry.service, 'migration', 'show', 'bert@renamed.example')
  t.match(shown, { ...renamed[0], attempts: [], ledger: null })
})

t.test('a migration is paused, resumed and finished, which erases its credential', async (t) => {
  const step = (verb: string, address: string) => rows(ferry.service, 'migration', verb, address)
  t.match(await step('pause', 'carl@old.example'), { state: 'paused', paused_from: 'pending' })
  t.match(await mistake('migration', 'pause', 'carl@old.example'), { exitCode: 65, line: /paused already/ })
  t.match(await mistake('migration', 'retry', 'carl@old.example'), { exitCode: 65, line: /resume it first/ })
  t.match(await step('resume', 'carl@old.example'), { state: 'pending', paused_from: null })
  const elsewhere = { ...ferry.service.environment, POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }
  const early = await runProgram(process.execPath, [MAIN, 'migration', 'finish', 'carl@old.example'], elsewhere)
  t.equal(early.exitCode, 75)
  t.match(
    early.stderr,
    /no "postferry sync" runs that could copy carl@old\.example; it stays to be finished \(.*resume/,
  )
  t.match(early.stderr, /--force finishes anyway/)
  t.match(await step('resume', 'carl@old.example'), { state: 'pending', finish_requested: false }, 'it is taken back')
  t.match(await rows(ferry.service, 'migration', 'finish', 'carl@old.example', '--force'), { state: 'done' })
  t.match(await mistake('migration', 'resume', 'carl@old.example'), { exitCode: 65 })
  t.match(await mistake('migration', 'set-password', 'carl@old.example'), { exitCode: 65, line: /done/ })
  const { rowCount } = await query(
    `select from credential join migration on migration.id = migration_id where old_username = 'carl@old.example'`,
  )
  t.equal(rowCount, 0)
})

t.test('another password of the source is kept only when the source accepts it', async (t) => {
  const set = (input: string) => ferry.service.run(['migration', 'set-password', 'bert@new.example'], input)
  await ferry.old.setPassword('bert@renamed.example', 'renewed "ü" ')
  t.match(await set('wrong\n'), { exitCode: 77, stdout: '', stderr: /^postferry: the old server refuses [^\n]*\n$/ })
  t.match(await opened([await idOf('bert@renamed.example')]), [{ password: 'pw of bert' }])
  t.match(await set('renewed "ü" \n'), { exitCode: 0, stdout: /accepts/ })
  t.match(await opened([await idOf('bert@renamed.example')]), [{ password: 'renewed "ü" ' }])
  await ferry.old.stop()
  t.match(await set('renewed "ü" \n'), { exitCode: 75, stdout: '', stderr: /old-unreachable/ })
  await ferry.old.start()
})

t.test('credentials are opened for whoever copies, one JSON line for each migration, in order', async (t) => {
  const [anna, bert, carl] = [
    await idOf('anna@old.example'),
    await idOf('bert@renamed.example'),
    await idOf('carl@old.example'),
  ]
  const ids = [bert, '999999', carl, 'nonsense', '0', '9'.repeat(30), anna]
  const answers = await opened(ids)
  t.same(
    answers.map(({ id }) => id),
    ids,
  )
  t.same(answers[0], { id: bert, user: 'bert@renamed.example', password: 'renewed "ü" ' })
  t.same(answers.at(-1), { id: anna, user: 'anna@old.example', password: 'pw of anna' })
  for (const answer of answers.slice(1, -1)) t.same(Object.keys(answer), ['id', 'error'])
})

t.test('a sealed credential that was moved to another account, or damaged, is not handed out', async (t) => {
  const [anna, bert] = [await idOf('anna@old.example'), await idOf('bert@renamed.example')]
  const kept = (await query('select migration_id, sealed from credential order by 1')).rows
  await query('update credential set sealed = $1', [kept[0].sealed])
  t.match(await opened([anna, bert]), [{ user: 'anna@old.example' }, { error: /another address/, password: undefined }])
  await query(`update credential set sealed = 'nonsense'`)
  t.match(await opened([anna]), [{ error: /cannot be opened/ }])
  for (const { migration_id, sealed } of kept) {
    await query('update credential set sealed = $2 where migration_id = $1', [migration_id, sealed])
  }
})

t.test('credentials are opened with the identity only, and never onto a terminal', async (t) => {
  const environment = { ...ferry.service.environment, POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await mistakeIn(['credential', 'open'], environment), { exitCode: 78, line: /IDENTITY_FILE.*ENOENT/ })
  const command = `echo ${await idOf('anna@old.example')} | ${process.execPath} ${MAIN} credential open`
  const shown = await runProgram('script', ['-qec', command, '/dev/null'], ferry.service.environment)
  t.match(shown, { exitCode: 64, stdout: /terminal/ })
  t.notMatch(shown.stdout, /pw of anna/)
})

t.test('a long list is one JSON array, and may be cut off by its reader', async (t) => {
  await query(`insert into account (address, password_hash, password_source, home)
    select 'n' || lpad(n::text, 5, '0') || '@many.example', '', 'destination', '/nowhere/' || n from generate_series(1, 20000) as n`)
  const all = await rows(ferry.service, 'account', 'list')
  t.equal(all.length, 20_003)
  t.equal(all.at(-1).address, 'n20000@many.example')
  const command = `"$0" "$1" account list | head -n 2; echo "\${PIPESTATUS[0]}"`
  const cut = await runProgram('bash', ['--norc', '-c', command, process.execPath, MAIN], ferry.service.environment)
  t.match(cut, { stdout: /^ADDRESS .*\nanna@old\.example .*\n0\n$/, stderr: '' })
})

async function opened(ids: readonly string[]): Promise<Record<string, string>[]> {
  const { exitCode, stdout, stderr } = await ferry.service.run(['credential', 'open'], ids.join('\n'))
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

async function idOf(oldUsername: string): Promise<string> {
  return (await query('select id from migration where old_username = $1', [oldUsername])).rows[0].id
}

async function query(text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  await using embedded = await openEmbedded(ferry.service.dataDir)
  const client = new pg.Client(embedded.connection)
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}

t.end()
