import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TOTP, URI } from 'otpauth'
import t from 'tap'
import { loadSettings } from '../../../src/settings.ts'
import { openService } from '../../../src/wiring/service.ts'
import { COMPILED } from '../../support/compiled.ts'
import { mustRun, rows } from '../../support/ferry.ts'
import { MAIN } from '../../support/program.ts'
import { query } from '../../support/query.ts'
import { formsFound } from '../../support/secrets.ts'
import { type Ended, type RunningService, startService } from '../../support/service.ts'
import { mistakeIn } from '../mistake.ts'

/** All that was printed. */
let printed = ''

let service: RunningService
t.before(async () => {
  service = await startService(COMPILED)
})
t.after(() => service[Symbol.asyncDispose]())

async function admin(args: readonly string[], input = ''): Promise<Ended> {
  const ended = await service.run(['admin', ...args], input)
  printed += ended.stdout + ended.stderr
  return ended
}

const mistake = (...args: string[]) => mistakeIn(['admin', ...args], service.environment)
const list = () => rows(service, 'admin', 'list')

async function signIn(name: string, password: string, code: string | null = null): Promise<string> {
  await using opened = await openService(loadSettings(service.environment))
  return (await opened.signInAdministrator({ name, password, code, client: null })).kind
}

/** The authenticator that reads what was printed. */
function authenticator({ stdout }: Ended): TOTP {
  return URI.parse(/^otpauth:.*$/m.exec(stdout)?.[0] ?? '') as TOTP
}

t.test('doctor warns while the panel has no owner', async (t) => {
  const finding = async () => {
    const { stdout } = await service.run(['doctor', '--json'])
    return JSON.parse(stdout).find(({ check }: { check: string }) => check === 'panel')
  }
  t.match(await finding(), { result: 'warn', found: 'it has no owner yet', remedy: 'postferry admin add NAME' })
  await admin(['add', 'vera', '--role', 'viewer'], 'password of vera\n')
  t.match(await finding(), { result: 'warn' })
  await admin(['add', 'olga'], 'password of olga\n')
  t.match(await finding(), { result: 'ok', found: '2 may sign in' })
})

t.test('administrators are added as owners unless another role is given, and listed without any hash', async (t) => {
  const added = await admin(['add', 'Anna.B', '--role', 'operator', '--json'], ' password of anna \n')
  t.match(JSON.parse(added.stdout), { name: 'anna.b', role: 'operator', totp: false, signed_in_at: null })
  t.equal(await signIn('anna.b', ' password of anna '), 'ok')
  t.equal(await signIn('anna.b', 'password of anna'), 'refused')
  const all = await list()
  t.match(all, [
    { name: 'anna.b', role: 'operator', totp: false, created_at: /^20.*Z$/, signed_in_at: /^20.*Z$/ },
    { name: 'olga', role: 'owner', signed_in_at: null },
    { name: 'vera', role: 'viewer' },
  ])
  t.same(Object.keys(all[0]), ['name', 'role', 'totp', 'created_at', 'signed_in_at'])
  t.match(await mustRun(service, 'admin', 'list'), /^NAME +ROLE +TOTP .*\nanna\.b +operator +no /)
})

t.test('a password has to be long enough', async (t) => {
  for (const args of [
    ['add', 'carl'],
    ['passwd', 'olga'],
  ]) {
    t.match(await admin(args, 'nine char\n'), {
      exitCode: 65,
      stdout: '',
      stderr: 'postferry: the password is too short: it must have at least 10 characters\n',
    })
    t.match(await admin(args, '\n'), { exitCode: 65, stderr: /^postferry: the password is empty[^\n]*\n$/ })
  }
  t.equal((await list()).length, 3)
  t.equal(await signIn('olga', 'password of olga'), 'ok')
})

t.test('a TOTP secret is printed once, for an authenticator', async (t) => {
  const added = await admin(['add', 'tom', '--totp'], 'password of tom\n')
  t.match(added, {
    exitCode: 0,
    stderr: '',
    stdout: /^tom may use the panel, as owner\nan authenticator[^\n]*\notpauth:[^\n]*\n$/,
  })
  const totp = authenticator(added)
  t.equal(totp.label, 'tom')
  t.equal(await signIn('tom', 'password of tom'), 'code-wanted')
  t.equal(await signIn('tom', 'password of tom', totp.generate()), 'ok')
  const { stdout } = await admin(['add', 'tim', '--totp', '--json'], 'password of tim\n')
  t.match(JSON.parse(stdout), { name: 'tim', totp: true, totp_uri: /^otpauth:\/\/totp\/postferry:tim\?/ })
  const elsewhere = [JSON.stringify(await list()), await mustRun(service, 'audit', 'list'), service.log()].join('\n')
  const dump = (await query(service.dataDir, 'select row::text from administrator as row')).rows
  t.same(formsFound(Buffer.from(elsewhere + JSON.stringify(dump)), [totp.secret.base32, totp.secret.hex]), [])
})

t.test('on a terminal the TOTP secret is a QR code too, and the password is typed twice', async (t) => {
  const command = `${process.execPath} ${MAIN} admin add quentin --totp`
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { env: service.environment })
  let seen = ''
  terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    seen += chunk
    if (/: $/.test(chunk)) terminal.stdin.write('password of quentin\r')
  })
  await once(terminal, 'close')
  t.equal(terminal.exitCode, 0)
  t.match(seen, /Password of quentin: .*again: .*not shown again:\r\n█▀{7}█.*█\r\n.*\r\notpauth:/s)
  t.notMatch(seen, /password of/)
  t.equal(await signIn('quentin', 'password of quentin'), 'code-wanted')
})

t.test('passwd sets the password and leaves TOTP as it is, unless it is told', async (t) => {
  const kinds = async (password: string, code: string | null = null) => signIn('tom', password, code)
  t.match(await admin(['passwd', 'tom'], 'second of tom\n'), { exitCode: 0, stdout: 'tom has a new password\n' })
  t.equal(await kinds('password of tom'), 'refused')
  t.equal(await kinds('second of tom'), 'code-wanted')
  const renewed = await admin(['passwd', 'TOM', '--totp'], 'third password of tom\n')
  t.equal(await kinds('third password of tom', authenticator(renewed).generate()), 'ok')
  await admin(['passwd', 'tom', '--no-totp'], 'fourth of tom\n')
  t.equal(await kinds('fourth of tom'), 'ok')
  t.match(await list(), [{}, {}, {}, {}, { name: 'tom', totp: false }, {}])
})

t.test('whose panel key is lost gets in again without TOTP', async (t) => {
  rmSync(join(service.dataDir, 'panel-key'))
  t.equal(await signIn('tim', 'password of tim', '123456'), 'could-not-ask')
  await admin(['passwd', 'tim', '--no-totp'], 'second of tim\n')
  t.equal(await signIn('tim', 'second of tim'), 'ok')
})

t.test('roles change, administrators go, and the last owner stays', async (t) => {
  t.match(await rows(service, 'admin', 'role', 'vera', 'operator'), { name: 'vera', role: 'operator' })
  t.match(await admin(['role', 'vera', 'viewer']), { exitCode: 0, stdout: 'vera is viewer now\n' })
  for (const name of ['tom', 'tim', 'quentin']) await mustRun(service, 'admin', 'remove', name)
  t.match(await mistake('remove', 'olga'), { exitCode: 65, line: /^postferry: olga is the last owner: / })
  t.match(await mistake('role', 'olga', 'viewer'), { exitCode: 65, line: /last owner/ })
  t.match(await rows(service, 'admin', 'remove', 'vera'), { name: 'vera', role: 'viewer' })
  t.equal(await signIn('vera', 'password of vera'), 'refused')
  t.same(
    (await list()).map(({ name }: { name: string }) => name),
    ['anna.b', 'olga'],
  )
})

t.test('what cannot be done is told before a password is asked for', async (t) => {
  t.match(await mistake('add', 'Olga'), { exitCode: 65, line: 'postferry: administrator olga exists already\n' })
  for (const [verb = '', ...more] of [['passwd'], ['remove'], ['role', 'owner']]) {
    t.match(await mistake(verb, 'nobody', ...more), {
      exitCode: 65,
      line: /^postferry: there is no administrator nobody /,
    })
  }
})

t.test('every change is in the audit with who made it and why, and nothing that was typed', async (t) => {
  await admin(['add', 'rita', '--role', 'viewer', '--reason', 'she asked'], 'password of rita\n')
  await mustRun(service, 'admin', 'role', 'rita', 'operator', '--reason', 'more work')
  await admin(['passwd', 'rita', '--totp', '--reason', 'forgotten'], 'second of rita\n')
  await mustRun(service, 'admin', 'remove', 'rita', '--reason', 'gone')
  const all = await rows(service, 'audit', 'list')
  t.match(all.slice(0, 5).reverse(), [
    { actor: /^cli:/, action: 'admin.add', subject: 'rita', detail: 'viewer', reason: 'she asked' },
    { action: 'admin.role', detail: 'viewer → operator', reason: 'more work' },
    { action: 'admin.passwd', detail: null, reason: 'forgotten' },
    { action: 'admin.totp', detail: 'on', reason: 'forgotten' },
    { action: 'admin.remove', reason: 'gone' },
  ])
  t.notMatch(printed + JSON.stringify(all) + service.log(), /(password|second|third|fourth) of/)
})

t.end()
