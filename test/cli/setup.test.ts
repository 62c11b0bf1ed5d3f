import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { environment as environmentIn } from '../../src/settings-file.ts'
import { COMPILED } from '../support/compiled.ts'
import { bothDebians } from '../support/debian.ts'
import { runPostferry, runProgram } from '../support/service.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-setup-'))
t.after(() => rmSync(folder, { recursive: true }))
const environment = { ...COMPILED, PATH: process.env.PATH, POSTFERRY_DATA_DIR: join(folder, 'data') }
const WANTED = ['--home', '/srv/mail/%d/%n', '--mail-owner', 'mail']

for (const { release, dovecot, root, enter } of bothDebians()) {
  t.test(`the files that it writes for Debian ${release} are a configuration of its Dovecot ${dovecot}`, async (t) => {
    const into = join(folder, `${release}`)
    for (const name of ['dovecot', 'postfix']) {
      cpSync(join(root, '/etc', name), join(into, 'etc', name), { recursive: true, verbatimSymlinks: true })
    }
    const mainCf = join(into, 'etc/postfix/main.cf')
    appendFileSync(mainCf, 'virtual_alias_maps = hash:/etc/postfix/virtual,\n# in all\n  hash:/etc/aliases\n')
    const files = () => readdirSync(into, { recursive: true }).length
    const before = files()
    const careful = await runPostferry(['setup', '--into', into, '--dovecot', dovecot, ...WANTED, '--yes'], environment)
    t.match(careful, { exitCode: 65, stdout: '', stderr: /main\.cf sets virtual_alias_maps itself.*--replace-postfix/ })
    t.equal(files(), before)
    const setup = (...more: string[]) =>
      runPostferry(
        ['setup', '--into', into, '--dovecot', dovecot, ...WANTED, '--replace-postfix', ...more],
        environment,
      )
    const looked = await setup()
    t.match(looked, { exitCode: 64, stdout: /^\+POSTFERRY_HOME=\/srv\/mail\/%d\/%n$/m, stderr: /--yes/ })
    t.notOk(existsSync(join(into, 'etc/postferry')), 'it shows what it would write')
    const done = await setup('--yes')
    t.match(done, { exitCode: 0, stderr: '' })
    t.match(done.stdout, /^\+mail_uid = mail$/m)
    t.match(done.stdout, /^-!include auth-system\.conf\.ext\n\+#!include auth-system\.conf\.ext$/m)
    t.same(await setup('--yes'), { exitCode: 0, stdout: 'nothing to do\n', stderr: '' })
    const again = ['setup', '--into', into, '--dovecot', dovecot, '--mail-owner', 'mail', '--yes']
    t.match(await runPostferry(again, environment), { stdout: 'nothing to do\n' }, 'the home stays as it is')
    const [program = '', ...args] = [...enter, 'doveconf', '-n', '-c', join(into, 'etc/dovecot/dovecot.conf')]
    const read = await runProgram(program, args, process.env)
    t.equal(read.exitCode, 0, read.stderr)
    t.match(read.stdout, /^mail_uid = mail$/m)
    t.match(read.stdout, /\/etc\/dovecot\/postferry\.lua/)
    t.notMatch(read.stdout, /\bpam\b/)
    t.match(read.stdout, /inet_listener http \{[^}]*port = 8026/, 'sessions can be ended')
    const [postfix = '', ...ofPostfix] = [...enter, '/usr/sbin/postconf', '-n', '-c', join(into, 'etc/postfix')]
    const main = await runProgram(postfix, ofPostfix, process.env)
    t.match(main, { exitCode: 0, stderr: '' }, 'Postfix takes it')
    t.match(main.stdout, /^virtual_alias_maps = socketmap:unix:postferry\/socketmap\.sock:alias$/m)
    t.match(main.stdout, /^smtpd_sasl_path = private\/postferry-auth$/m)
    t.match(main.stdout, /^virtual_transport = lmtp:unix:private\/dovecot-lmtp$/m)
    t.match(
      readFileSync(mainCf, 'utf8'),
      /^#virtual_alias_maps = hash:\/etc\/postfix\/virtual,\n## in all\n# {2}hash:\/etc\/aliases$/m,
    )
    const services = await runProgram(postfix, [...ofPostfix.slice(0, -3), '-M', ...ofPostfix.slice(-2)], process.env)
    t.match(services, { exitCode: 0, stdout: /^submissions? +inet .*-o smtpd_sasl_auth_enable=yes/m, stderr: '' })
    t.match(read.stdout, /\/var\/spool\/postfix\/private\/dovecot-lmtp/)
    const settings = readFileSync(join(into, 'etc/postferry/postferry.env'), 'utf8')
    t.match(settings, /^POSTFERRY_RECIPIENT_DELIMITER=\+$/m, 'as Debian has it')
    t.match(settings, /^POSTFERRY_HOME=\/srv\/mail\/%d\/%n$/m)
    t.match(settings, /^POSTFERRY_DOVEADM_KEY_FILE=\/etc\/postferry\/doveadm-key$/m)
    t.notOk(existsSync(join(into, 'etc/postferry/doveadm-key')), 'a folder to look at has no secret')
    const unit = readFileSync(join(into, 'etc/systemd/system/postferry-sync.service.d/setup.conf'), 'utf8')
    t.match(unit, /^\[Service\]\nUser=mail\nGroup=mail\nReadWritePaths=-\/srv\/mail\n$/m)
  })
}

t.test('Postfix stays as it is where it is not to ask, or where somebody has set it up already', async (t) => {
  const into = join(folder, 'mail')
  const setup = (...more: string[]) =>
    runPostferry(['setup', '--into', into, '--dovecot', '2.4', '--yes', ...more], environment)
  t.notMatch(
    (await setup('--no-postfix', '--no-proxied')).stdout,
    /main\.cf|98-postferry|SOCKETMAP|^\+!include postferry-proxy|DOVEADM/m,
  )
  const lines = ['maps', 'delivery', 'sasl'].map((name) =>
    readFileSync(join(import.meta.dirname, `../../deploy/postfix/postferry-${name}.cf`), 'utf8'),
  )
  const own = `${lines.join('\n').replaceAll(/^virtual_transport = /gm, '$& ')}\nrecipient_delimiter = -+\n`
  const services = '127.0.0.1:587 inet n - y - - smtpd\nsmtps inet n - y - - smtpd\n'
  mkdirSync(join(into, 'etc/postfix'), { recursive: true })
  writeFileSync(join(into, 'etc/postfix/main.cf'), own)
  writeFileSync(join(into, 'etc/postfix/master.cf'), services)
  t.match(await setup(), { exitCode: 0, stdout: /98-postferry-postfix/ })
  t.equal(readFileSync(join(into, 'etc/postfix/main.cf'), 'utf8'), own)
  t.equal(readFileSync(join(into, 'etc/postfix/master.cf'), 'utf8'), services)
  t.notMatch(readFileSync(join(into, 'etc/postferry/postferry.env'), 'utf8'), /DELIMITER/, 'two of them')
})

t.test('what it shows of files that were there has no secret, and they stay as open as they were', async (t) => {
  const into = join(folder, 'secrets')
  const token = 'k'.repeat(40)
  const kept = {
    'etc/postferry/postferry.env': `POSTFERRY_ADMIN_TOKEN=${token}`,
    'etc/dovecot/conf.d/10-auth.conf': '!include auth-system.conf.ext\n',
  }
  for (const [name, text] of Object.entries(kept)) {
    mkdirSync(dirname(join(into, name)), { recursive: true })
    writeFileSync(join(into, name), text, { mode: 0o600 })
  }
  const done = await runPostferry(['setup', '--into', into, '--dovecot', '2.4', ...WANTED, '--yes'], environment)
  t.match(done, { exitCode: 0, stdout: /^[ +]POSTFERRY_ADMIN_TOKEN= \(not shown\)\n/m })
  t.notMatch(done.stdout, token)
  t.match(readFileSync(join(into, 'etc/postferry/postferry.env'), 'utf8'), `POSTFERRY_ADMIN_TOKEN=${token}\n`)
  for (const name of Object.keys(kept)) t.equal(statSync(join(into, name)).mode & 0o777, 0o600, name)
})

t.test('a Dovecot that it has no files for, or none, is refused with the reason', async (t) => {
  const programs = t.testdir({ dovecot: '#!/bin/sh\necho "2.2.36 (abcdef)"\n' })
  chmodSync(join(programs, 'dovecot'), 0o755)
  const into = ['setup', '--into', join(folder, 'none'), '--yes']
  const old = await runPostferry(into, { ...environment, PATH: `${programs}:/usr/bin:/bin` })
  t.match(old, { exitCode: 69, stdout: '', stderr: /Dovecot is 2\.2\.36 .*2\.3 and 2\.4/ })
  writeFileSync(join(programs, 'dovecot'), '#!/bin/sh\nexit 1\n')
  const none = await runPostferry(into, { ...environment, PATH: `${programs}:/usr/bin:/bin` })
  t.match(none, { exitCode: 69, stdout: '', stderr: /no Dovecot here/ })
  t.notOk(existsSync(join(folder, 'none')))
})

t.test('who owns the mail, and where, is looked at before anything is written', async (t) => {
  const into = ['setup', '--into', join(folder, 'wrong'), '--dovecot', '2.4', '--yes']
  t.match(await runPostferry([...into, '--mail-owner', 'a b'], environment), { exitCode: 64, stderr: /name of a user/ })
  const nobody = await runPostferry([...into, '--mail-owner', 'nosuchuser'], environment)
  t.match(nobody, { exitCode: 64, stdout: '', stderr: /there is no user nosuchuser on this host/ })
  t.match(await runPostferry([...into, '--home', 'mail'], environment), { exitCode: 64, stderr: /POSTFERRY_HOME/ })
  t.notOk(existsSync(join(folder, 'wrong')))
})

t.test('a user of the folder that stands for / may own the mail', async (t) => {
  const into = t.testdir({ etc: { passwd: 'post.man:x:5000:5000::/var/vmail:/bin/false\n' } })
  const setup = (owner: string) =>
    runPostferry(
      ['setup', '--into', into, '--dovecot', '2.4', '--no-postfix', '--mail-owner', owner, '--yes'],
      environment,
    )
  t.match(await setup('post.man'), { exitCode: 0, stdout: /^\+User=post\.man$/m })
  t.match(await setup('postxman'), { exitCode: 64 })
})

t.test('settings are found however they are written, and what it writes can be read', async (t) => {
  const own = [
    '\uFEFFPOSTFERRY_HOME = "/srv/all mail/%d/%n" # quoted',
    '\tPOSTFERRY_DOVEADM_URLS\t= http://127.0.0.1:1',
    'POSTFERRY_DOVEADM_KEY_FILE=/etc/key\r',
    ' POSTFERRY_SOCKETMAP_SOCKET = /old',
  ]
  const into = t.testdir({
    etc: { postferry: { 'postferry.env': own.join('\n') }, postfix: { 'main.cf': 'recipient_delimiter = #\n' } },
  })
  const file = join(into, 'etc/postferry/postferry.env')
  const read = () => environmentIn({ POSTFERRY_SETTINGS_FILE: file })
  const setup = (...more: string[]) =>
    runPostferry(['setup', '--into', into, '--dovecot', '2.4', '--yes', ...more], environment)
  t.match(await setup(), { exitCode: 0, stderr: '' })
  const kept = { POSTFERRY_DOVEADM_URLS: 'http://127.0.0.1:1', POSTFERRY_DOVEADM_KEY_FILE: '/etc/key' }
  t.match(read(), {
    ...{ ...kept, POSTFERRY_HOME: '/srv/all mail/%d/%n', POSTFERRY_RECIPIENT_DELIMITER: '#' },
    POSTFERRY_SOCKETMAP_SOCKET: '/var/spool/postfix/postferry/socketmap.sock',
  })
  const unit = () => readFileSync(join(into, 'etc/systemd/system/postferry-sync.service.d/setup.conf'), 'utf8')
  t.match(unit(), /^ReadWritePaths="-\/srv\/all mail"$/m)
  t.same(await setup(), { exitCode: 0, stdout: 'nothing to do\n', stderr: '' })
  t.match(await setup('--home', '/srv/#1/%u'), { exitCode: 0, stderr: '' })
  t.match(read(), { ...kept, POSTFERRY_HOME: '/srv/#1/%u' })
  t.match(unit(), /^ReadWritePaths=-\/srv\/#1$/m)
})

t.test('a settings file that no command would read stops it, and stays as it is', async (t) => {
  const text = 'POSTFERRY_PORT=1\nPOSTFERRY_PORT=2\n'
  const into = t.testdir({ etc: { postferry: { 'postferry.env': text } } })
  const done = await runPostferry(['setup', '--into', into, '--dovecot', '2.4', ...WANTED, '--yes'], environment)
  t.match(done, { exitCode: 78, stdout: '', stderr: /postferry\.env, line 2: POSTFERRY_PORT is set in line 1 already/ })
  t.equal(readFileSync(join(into, 'etc/postferry/postferry.env'), 'utf8'), text)
  t.notOk(existsSync(join(into, 'etc/dovecot')))
})
