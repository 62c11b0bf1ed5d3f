import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
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
    cpSync(join(root, '/etc/dovecot'), join(into, 'etc/dovecot'), { recursive: true, verbatimSymlinks: true })
    const setup = (...more: string[]) =>
      runPostferry(['setup', '--into', into, '--dovecot', dovecot, ...WANTED, ...more], environment)
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
    const settings = readFileSync(join(into, 'etc/postferry/postferry.env'), 'utf8')
    t.match(settings, /^POSTFERRY_HOME=\/srv\/mail\/%d\/%n$/m)
    const unit = readFileSync(join(into, 'etc/systemd/system/postferry-sync.service.d/setup.conf'), 'utf8')
    t.match(unit, /^\[Service\]\nUser=mail\nGroup=mail\nReadWritePaths=-\/srv\/mail\n$/m)
  })
}

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
  t.match(await runPostferry([...into, '--home', 'mail'], environment), { exitCode: 64, stderr: /POSTFERRY_HOME/ })
  t.notOk(existsSync(join(folder, 'wrong')))
})
