import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { COMPILED } from '../../support/compiled.ts'
import { startFerry } from '../../support/ferry.ts'
import { runMailferry } from '../../support/service.ts'
import { mistakeIn } from './mistake.ts'

const folder = mkdtempSync(join(tmpdir(), 'mailferry-host-'))
t.after(() => rmSync(folder, { recursive: true }))

/** A data directory that is not there yet; its database would be away. */
function fresh(name: string): NodeJS.ProcessEnv & { MAILFERRY_DATA_DIR: string; DATABASE_URL: string } {
  return {
    ...COMPILED,
    PATH: process.env.PATH,
    MAILFERRY_DATA_DIR: join(folder, name),
    MAILFERRY_PORT: '0',
    DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:1/x',
  }
}

t.test('key init makes the identity file for its user alone, prints the recipient, and never overwrites', async (t) => {
  const environment = { ...fresh('init'), MAILFERRY_IDENTITY_FILE: join(folder, 'identity') }
  const made = await runMailferry(['key', 'init'], environment)
  t.match(made, { exitCode: 0, stdout: /^age1[0-9a-z]{58}\n$/, stderr: '' })
  t.equal(statSync(environment.MAILFERRY_IDENTITY_FILE).mode & 0o777, 0o600)
  const before = readFileSync(environment.MAILFERRY_IDENTITY_FILE, 'utf8')
  t.match(before, /^AGE-SECRET-KEY-1/m)
  t.match(await mistakeIn(['key', 'init'], environment), { exitCode: 73, line: /there is a key already/ })
  t.equal(readFileSync(environment.MAILFERRY_IDENTITY_FILE, 'utf8'), before)
  const moved = { ...environment, MAILFERRY_IDENTITY_FILE: join(folder, 'another') }
  t.match(await mistakeIn(['key', 'init'], moved), { exitCode: 73 }, 'a key in force is not replaced in passing')
  const nowhere = { ...fresh('nowhere'), MAILFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await mistakeIn(['key', 'init'], nowhere), { exitCode: 73, line: /MAILFERRY_IDENTITY_FILE/ })
})

t.test('key show tells whether this host can open what is sealed', async (t) => {
  const environment = fresh('show')
  t.match(await mistakeIn(['key', 'show'], environment), { exitCode: 78, line: /run "mailferry key init"/ })
  const recipient = (await runMailferry(['key', 'init'], environment)).stdout.trim()
  const other = (await runMailferry(['key', 'init'], fresh('other'))).stdout.trim()
  const show = async (more: NodeJS.ProcessEnv) =>
    JSON.parse((await runMailferry(['key', 'show', '--json'], { ...environment, ...more })).stdout)
  const [matches, absent, unreadable, differs] = await Promise.all([
    show({}),
    show({ MAILFERRY_IDENTITY_FILE: '/nowhere/identity' }),
    show({ MAILFERRY_IDENTITY_FILE: folder }),
    show({ MAILFERRY_RECIPIENTS: other }),
  ])
  t.same(matches, {
    recipients: [recipient],
    identity_file: join(environment.MAILFERRY_DATA_DIR, 'identity'),
    identity: 'matches',
    sealed: null,
  })
  t.match(absent, { recipients: [recipient], identity: 'absent' })
  t.match(unreadable, { identity: 'unreadable' })
  t.match(differs, { recipients: [other], identity: 'does not match' })
})

t.test('upgrade tells what it applied, and then that there is nothing to do', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('upgrade')
  const [first] = [await runMailferry(['upgrade'], environment)]
  t.match(first, { exitCode: 0, stdout: /^applied 0001_first_ferry\.sql\b.*\n$/ })
  t.match(await runMailferry(['upgrade'], environment), { exitCode: 0, stdout: 'nothing to do\n' })
  t.notOk(existsSync(join(environment.MAILFERRY_DATA_DIR, 'postgres/postmaster.pid')), 'the database is stopped again')
})

t.test('doctor finds what is missing on a fresh host, and makes nothing', async (t) => {
  const { DATABASE_URL: _, ...environment } = fresh('doctor')
  const { exitCode, stdout, stderr } = await runMailferry(['doctor'], environment)
  t.equal(exitCode, 78)
  t.match(stdout, /^fail +key .*\n +what to do: .*mailferry key init"$/m)
  t.match(stdout, /^warn +database /m)
  t.match(stderr, /^mailferry: something has to be done: key\n$/)
  t.notOk(existsSync(environment.MAILFERRY_DATA_DIR))
  const away = JSON.parse((await runMailferry(['doctor', '--json'], fresh('doctor'))).stdout)
  t.match(
    away.find(({ check }: { check: string }) => check === 'database'),
    { result: 'fail', found: /away/ },
  )
  t.notMatch(JSON.stringify(away), /s3cret/)
  const wrong = await runMailferry(['doctor'], { ...environment, MAILFERRY_PORT: 'nonsense' })
  t.match(wrong, { exitCode: 78, stdout: /^fail +settings +MAILFERRY_PORT must/ })
})

t.test('doctor misses the key on a host that copies mail', async (t) => {
  const environment = fresh('copies')
  await runMailferry(['key', 'init'], environment)
  const key = async (more: NodeJS.ProcessEnv) => {
    const { exitCode, stdout } = await runMailferry(['doctor', '--json'], { ...environment, ...more })
    return { exitCode, ...JSON.parse(stdout).find(({ check }: { check: string }) => check === 'key') }
  }
  const named = { MAILFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await key(named), { exitCode: 78, result: 'fail', found: /\/nowhere\/identity.*MAILFERRY_IDENTITY_FILE/ })
  renameSync(join(environment.MAILFERRY_DATA_DIR, 'identity'), join(folder, 'taken away'))
  t.match(await key({}), { exitCode: 69, result: 'ok', found: /right for a web-facing host/ }, 'the database is away')
  mkdirSync(join(environment.MAILFERRY_DATA_DIR, 'offlineimap'))
  t.match(await key({}), { exitCode: 78, result: 'fail', found: /identity is not here, but this host has copied mail/ })
})

t.test('a data directory that is a file is called so', async (t) => {
  const { DATABASE_URL: _, ...embedded } = fresh('file')
  writeFileSync(embedded.MAILFERRY_DATA_DIR, '')
  const { exitCode, stderr } = await runMailferry(['provider', 'list'], embedded)
  const line = `mailferry: MAILFERRY_DATA_DIR: ${join(folder, 'file')} is, or lies below, a file that is no folder\n`
  t.same({ exitCode, stderr }, { exitCode: 73, stderr: line })
  const doctor = await runMailferry(['doctor'], embedded)
  t.match(doctor.stdout, /^fail +data directory +\S+ is a file, and no folder$/m)
})

t.test('a wrong settings file is one line that names it, for every command, and exit code 78', async (t) => {
  const file = join(folder, 'mailferry.env')
  writeFileSync(file, 'MAILFERRY_HOEM=/x\nthis is no setting\n')
  const environment = { ...fresh('settings'), MAILFERRY_SETTINGS_FILE: file }
  const line = `${file}, line 1: there is no setting MAILFERRY_HOEM: is MAILFERRY_HOME meant?; line 2: this is no setting`
  const list = await runMailferry(['provider', 'list'], environment)
  t.equal(list.exitCode, 78)
  t.ok(
    list.stderr.startsWith(`mailferry: ${line}`) && list.stderr.indexOf('\n') === list.stderr.length - 1,
    list.stderr,
  )
  const doctor = await runMailferry(['doctor'], environment)
  t.match(doctor, { exitCode: 78, stdout: /^fail +settings .*MAILFERRY_HOEM/ })
  t.match(await runMailferry(['--help'], environment), { exitCode: 0 })
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

  chmodSync(join(service.dataDir, 'door-token'), 0o644)
  renameSync(join(service.dataDir, 'identity'), join(service.dataDir, 'elsewhere'))
  await ferry.old.stop()
  await service.stop()
  const ill = await doctor()
  t.equal(ill.exitCode, 69)
  t.match(ill.failed, [
    { check: 'data directory', found: /door-token has mode 0644/, remedy: /^chmod 600 / },
    { check: 'provider old', found: /connection refused/, remedy: 'mailferry provider test old' },
  ])
  t.match(ill.findings, [{}, {}, {}, { check: 'key', result: 'ok', found: /right for a web-facing host/ }])
  t.equal(ill.findings.at(-1)?.result, 'warn', 'a host that only copies needs no serve')
  const copying = await service.run(['sync', '--once'])
  t.match(copying, {
    exitCode: 78,
    stdout: '',
    stderr: /^mailferry: MAILFERRY_IDENTITY_FILE: cannot read \S+ \(ENOENT\)\n$/,
  })
})

t.end()
