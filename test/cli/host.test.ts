import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { COMPILED } from '../support/compiled.ts'
import { startFerry } from '../support/ferry.ts'
import { runPostferry } from '../support/service.ts'
import { mistakeIn } from './mistake.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-host-'))
t.after(() => rmSync(folder, { recursive: true }))

/** A data directory that is not there yet; its database would be away. */
function fresh(name: string): NodeJS.ProcessEnv & { POSTFERRY_DATA_DIR: string; DATABASE_URL: string } {
  return {
    ...COMPILED,
    PATH: process.env.PATH,
    POSTFERRY_DATA_DIR: join(folder, name),
    POSTFERRY_PORT: '0',
    DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:1/x',
  }
}

t.test('key init makes the identity file for its user alone, prints the recipient, and never overwrites', async (t) => {
  const environment = { ...fresh('init'), POSTFERRY_IDENTITY_FILE: join(folder, 'identity') }
  const made = await runPostferry(['key', 'init'], environment)
  t.match(made, { exitCode: 0, stdout: /^age1[0-9a-z]{58}\n$/, stderr: '' })
  t.equal(statSync(environment.POSTFERRY_IDENTITY_FILE).mode & 0o777, 0o600)
  const before = readFileSync(environment.POSTFERRY_IDENTITY_FILE, 'utf8')
  t.match(before, /^AGE-SECRET-KEY-1/m)
  t.match(await mistakeIn(['key', 'init'], environment), { exitCode: 73, line: /there is a key already/ })
  t.equal(readFileSync(environment.POSTFERRY_IDENTITY_FILE, 'utf8'), before)
  const moved = { ...environment, POSTFERRY_IDENTITY_FILE: join(folder, 'another') }
  t.match(await mistakeIn(['key', 'init'], moved), { exitCode: 73 }, 'a key in force is not replaced in passing')
  const nowhere = { ...fresh('nowhere'), POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await mistakeIn(['key', 'init'], nowhere), { exitCode: 73, line: /POSTFERRY_IDENTITY_FILE/ })
})

t.test('key init tells when the settings name other keys: credentials are sealed to those', async (t) => {
  const other = (await runPostferry(['key', 'init'], fresh('theirs'))).stdout.trim()
  const init = (name: string, ...more: string[]) =>
    runPostferry(['key', 'init', ...more], { ...fresh(name), POSTFERRY_RECIPIENTS: other })
  const [made, asJson] = await Promise.all([init('ours'), init('ours-json', '--json')])
  t.match(made, { exitCode: 0, stdout: /^age1[0-9a-z]{58}\n$/, stderr: /^postferry: POSTFERRY_RECIPIENTS names other/ })
  t.match(asJson, { exitCode: 0, stderr: '' })
  t.match(JSON.parse(asJson.stdout), { settings_differ: true })
})

t.test('key show tells whether this host can open what is sealed', async (t) => {
  const environment = fresh('show')
  t.match(await mistakeIn(['key', 'show'], environment), { exitCode: 78, line: /run "postferry key init"/ })
  const recipient = (await runPostferry(['key', 'init'], environment)).stdout.trim()
  const other = (await runPostferry(['key', 'init'], fresh('other'))).stdout.trim()
  const show = async (more: NodeJS.ProcessEnv) =>
    JSON.parse((await runPostferry(['key', 'show', '--json'], { ...environment, ...more })).stdout)
  const [matches, absent, unreadable, differs] = await Promise.all([
    show({}),
    show({ POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }),
    show({ POSTFERRY_IDENTITY_FILE: folder }),
    show({ POSTFERRY_RECIPIENTS: other }),
  ])
  t.same(matches, {
    recipients: [recipient],
    identity_file: join(environment.POSTFERRY_DATA_DIR, 'identity'),
    identity: 'matches',
    sealed: null,
  })
  t.match(absent, { recipients: [recipient], identity: 'absent' })
  t.match(unreadable, { identity: 'unreadable' })
  t.match(differs, { recipients: [other], identity: 'does not match' })
})

t.test('upgrade tells what it applied, and then that there is nothing to do', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('upgrade')
  const [first] = [await runPostferry(['upgrade'], environment)]
  t.match(first, { exitCode: 0, stdout: /^applied 0001_first_ferry\.sql\b.*\n$/ })
  t.match(await runPostferry(['upgrade'], environment), { exitCode: 0, stdout: 'nothing to do\n' })
  t.notOk(existsSync(join(environment.POSTFERRY_DATA_DIR, 'postgres/postmaster.pid')), 'the database is stopped again')
})

t.test('doctor finds what is missing on a fresh host, and makes nothing', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('doctor')
  const { exitCode, stdout, stderr } = await runPostferry(['doctor'], environment)
  t.equal(exitCode, 78)
  t.match(stdout, /^fail +key .*\n +what to do: .*postferry key init"$/m)
  t.match(stdout, /^warn +database /m)
  t.match(stderr, /^postferry: something has to be done: key\n$/)
  t.notOk(existsSync(environment.POSTFERRY_DATA_DIR))
  const away = JSON.parse((await runPostferry(['doctor', '--json'], fresh('doctor'))).stdout)
  t.match(
    away.find(({ check }: { check: string }) => check === 'database'),
    { result: 'fail', found: /away/ },
  )
  t.notMatch(JSON.stringify(away), /s3cret/)
  const wrong = await runPostferry(['doctor'], { ...environment, POSTFERRY_PORT: 'nonsense' })
  t.match(wrong, { exitCode: 78, stdout: /^fail +settings +POSTFERRY_PORT must/ })
})

t.test('doctor misses the key on a host that copies mail', async (t) => {
  const environment = fresh('copies')
  await runPostferry(['key', 'init'], environment)
  const key = async (more: NodeJS.ProcessEnv) => {
    const { exitCode, stdout } = await runPostferry(['doctor', '--json'], { ...environment, ...more })
    return { exitCode, ...JSON.parse(stdout).find(({ check }: { check: string }) => check === 'key') }
  }
  const named = { POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await key(named), { exitCode: 78, result: 'fail', found: /\/nowhere\/identity.*POSTFERRY_IDENTITY_FILE/ })
  renameSync(join(environment.POSTFERRY_DATA_DIR, 'identity'), join(folder, 'taken away'))
  t.match(await key({}), { exitCode: 69, result: 'ok', found: /right for a web-facing host/ }, 'the database is away')
  mkdirSync(join(environment.POSTFERRY_DATA_DIR, 'offlineimap'))
  t.match(await key({}), { exitCode: 78, result: 'fail', found: /identity is not here, but this host has copied mail/ })
})

t.test('a data directory that is a file is called so', async (t) => {
  const { DATABASE_URL: _, ...embedded } = fresh('file')
  writeFileSync(embedded.POSTFERRY_DATA_DIR, '')
  const { exitCode, stderr } = await runPostferry(['provider', 'list'], embedded)
  const line = `postferry: POSTFERRY_DATA_DIR: ${join(folder, 'file')} is, or lies below, a file that is no folder\n`
  t.same({ exitCode, stderr }, { exitCode: 73, stderr: line })
  const doctor = await runPostferry(['doctor'], embedded)
  t.match(doctor.stdout, /^fail +data directory +\S+ is a file, and no folder$/m)
})

t.test('a wrong settings file is one line that names it, for every command, and exit code 78', async (t) => {
  const file = join(folder, 'postferry.env')
  writeFileSync(file, 'POSTFERRY_HOEM=/x\nthis is no setting\n')
  const environment = { ...fresh('settings'), POSTFERRY_SETTINGS_FILE: file }
  const line = `${file}, line 1: there is no setting POSTFERRY_HOEM: is POSTFERRY_HOME meant?; line 2: this is no setting`
  const list = await runPostferry(['provider', 'list'], environment)
  t.equal(list.exitCode, 78)
  t.ok(
    list.stderr.startsWith(`postferry: ${line}`) && list.stderr.indexOf('\n') === list.stderr.length - 1,
    list.stderr,
  )
  const doctor = await runPostferry(['doctor'], environment)
  t.match(doctor, { exitCode: 78, stdout: /^fail +settings .*POSTFERRY_HOEM/ })
  t.match(await runPostferry(['--help'], environment), { exitCode: 0 })
})

t.test('doctor is content with a running service, and finds what breaks', async (t) => {
  await using ferry = await startFerry({}, COMPILED)
  const { service } = ferry
  const doctor = async () => {
    const { exitCode, stdout } = await service.run(['doctor', '--json'])
    const findings: { check: string; result: string; found: string }[] = JSON.parse(stdout)
    return { exitCode, findings, failed: findings.filter(({ result }) => result === 'fail') }
  }
  const well = await doctor()
  t.same({ exitCode: well.exitCode, failed: well.failed }, { exitCode: 0, failed: [] })
  for (const check of [
    'settings',
    'data directory',
    'key',
    'database',
    'upgrades',
    'provider old',
    'offlineimap',
    'serve',
  ]) {
    t.match(
      well.findings.find((finding) => finding.check === check),
      { result: 'ok' },
      check,
    )
  }
  t.equal(well.findings.filter(({ check }) => check === 'serve').length, 2, 'the socket and the port')

  chmodSync(join(service.dataDir, 'auth-token'), 0o644)
  renameSync(join(service.dataDir, 'identity'), join(service.dataDir, 'elsewhere'))
  await ferry.old.stop()
  await service.stop()
  const ill = await doctor()
  t.equal(ill.exitCode, 69)
  t.match(ill.failed, [
    { check: 'data directory', found: /auth-token has mode 0644/, remedy: /^chmod 600 / },
    { check: 'provider old', found: /connection refused/, remedy: 'postferry provider test old' },
  ])
  t.match(ill.findings, [{}, {}, {}, { check: 'key', result: 'ok', found: /right for a web-facing host/ }])
  t.equal(ill.findings.at(-1)?.result, 'warn', 'a host that only copies needs no serve')
  const copying = await service.run(['sync', '--once'])
  t.match(copying, {
    exitCode: 78,
    stdout: '',
    stderr: /^postferry: POSTFERRY_IDENTITY_FILE: cannot read \S+ \(ENOENT\)\n$/,
  })
})

t.test('doctor makes no database, neither before nor after the key is there', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('undone')
  const identity = { ...environment, POSTFERRY_IDENTITY_FILE: join(folder, 'undone-identity') }
  const isOfDatabase = ({ check }: { check: string }) => check === 'database'
  const looked = () => runPostferry(['doctor', '--json'], identity)
  const found = async () => JSON.parse((await looked()).stdout)
  t.match((await found()).find(isOfDatabase), { result: 'warn', found: 'not made yet' })
  t.notOk(existsSync(environment.POSTFERRY_DATA_DIR))
  t.match(await runPostferry(['key', 'init'], identity), { exitCode: 0 })
  const made = readdirSync(environment.POSTFERRY_DATA_DIR)
  t.match((await found()).find(isOfDatabase), { result: 'warn', found: 'not made yet' })
  t.same(readdirSync(environment.POSTFERRY_DATA_DIR), made)
})

t.test('a data directory that is closed to this user is not taken for an empty one', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('closed')
  mkdirSync(environment.POSTFERRY_DATA_DIR, { mode: 0 })
  const isRoot = process.geteuid?.() === 0
  chmodSync(folder, 0o755)
  for (const args of [
    ['key', 'show'],
    ['backup', '/nowhere/backup.gz'],
  ]) {
    if (isRoot) process.seteuid?.(65_534)
    const mistake = await mistakeIn(args, environment).finally(() => isRoot && process.seteuid?.(0))
    t.match(mistake, { exitCode: 77, line: /permission denied.*\/closed\// }, args.join(' '))
  }
})

t.end()
