import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { makeDeb } from '../support/deb.ts'
import { debianAbove } from '../support/debian-above.ts'
import { runProgram } from '../support/service.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-package-'))
chmodSync(folder, 0o755)
t.after(() => rmSync(folder, { recursive: true }))
const deb = makeDeb(join(folder, 'deb'), '0.1.0+test')
const root = join(folder, 'root')
execFileSync('dpkg-deb', ['-x', deb, root])
const inRoot = (...path: string[]) => join(root, ...path)

t.test('it has a name and a size, and says what it needs', async (t) => {
  t.match(deb, /\/postferry_0\.1\.0\+test_(amd64|arm64)\.deb$/)
  const control = execFileSync('dpkg-deb', ['-f', deb], { encoding: 'utf8' })
  t.match(control, /^Version: 0\.1\.0\+test$/m)
  t.match(control, /^Depends: .*\blibc6\b/m)
  const [, kibibytes = ''] = /^Installed-Size: (\d+)$/m.exec(control) ?? []
  t.ok(Number(kibibytes) > 100_000 && Number(kibibytes) <= 300 * 1_024, `${kibibytes} KiB`)
})

t.test('what is in it belongs to root, is written by root alone, and the settings are closed to others', async (t) => {
  const lines = execFileSync('dpkg-deb', ['-c', deb], { encoding: 'utf8' }).trim().split('\n')
  for (const line of lines) {
    const [mode = '', owner] = line.split(/\s+/)
    const isRight = /^(d|-|l)rw.r-.(r-.|---)$/.test(mode) || mode.startsWith('l')
    if (owner !== 'root/root' || !isRight) t.fail(line)
  }
  t.equal(
    lines
      .filter((line) => line.startsWith('-rw-r-----'))
      .map((line) => line.split(' ').at(-1))
      .join(),
    './etc/postferry/postferry.env',
  )
  t.notMatch(lines.join('\n'), /node_modules\/(tap|typescript|@biomejs|esbuild|@esbuild)\/|\.d\.ts$|\/include\//m)
})

t.test('its programs run with the Node that they bring, with its modules and database', async (t) => {
  const env = {
    PATH: '/usr/bin:/bin',
    POSTFERRY_SETTINGS_FILE: '',
    POSTFERRY_DATA_DIR: join(folder, 'data'),
    POSTFERRY_PORT: '0',
  }
  t.match(await runProgram(inRoot('usr/bin/postferry'), ['--version'], env), { exitCode: 0, stderr: '' })
  t.match(await runProgram(inRoot('usr/bin/postferry'), ['upgrade'], env), { exitCode: 0, stdout: /^applied 0001_/ })
  t.match(await runProgram(inRoot('usr/bin/emit-offlineimaprc'), [], env), { exitCode: 0, stderr: '' })
  for (const program of readdirSync(inRoot('usr/lib/postferry/bin'))) {
    const { exitCode } = await runProgram(inRoot('usr/lib/postferry/bin', program), ['--help'], env)
    t.not(exitCode, 127, program)
  }
})

t.test('its units and files name the program where it is', async (t) => {
  const units = readdirSync(inRoot('usr/lib/systemd/system'))
  t.same(
    units.sort(),
    readdirSync(join(import.meta.dirname, '../../deploy/systemd'))
      .filter((name) => name.endsWith('.service'))
      .sort(),
  )
  for (const unit of units) {
    const programs = readFileSync(inRoot('usr/lib/systemd/system', unit), 'utf8').matchAll(/^Exec\w+=(\S+)/gm)
    for (const [, program = ''] of programs) t.ok(existsSync(inRoot(program)), `${unit}: ${program}`)
  }
  t.equal(
    (
      await runProgram(
        'grep',
        ['-rl', '/opt/postferry', inRoot('usr/lib/postferry/deploy'), inRoot('usr/lib/systemd')],
        process.env,
      )
    ).stdout,
    '',
  )
})

t.test('every command has a manual page that groff reads without a word', async (t) => {
  const pages = readdirSync(inRoot('usr/share/man/man1')).map((name) => join('man1', name))
  const { stdout } = await runProgram(inRoot('usr/bin/postferry'), ['--help'], { PATH: '/usr/bin:/bin' })
  const [, commands = ''] = /\nCommands:\n((?: .*\n)+)/.exec(stdout) ?? []
  const names = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name).filter((name) => name !== 'help')
  t.ok(names.length > 10)
  for (const name of names) t.ok(pages.includes(`man1/postferry-${name}.1.gz`), `${name}`)
  for (const page of [...pages, 'man5/postferry.env.5.gz']) {
    const line = `zcat "$0" | groff -man -Kutf8 -Tutf8 -ww -z`
    t.same(
      await runProgram('sh', ['-c', line, inRoot('usr/share/man', page)], process.env),
      { exitCode: 0, stdout: '', stderr: '' },
      page,
    )
  }
})

t.test('bash completes commands, options and values', async (t) => {
  const completed = async (...words: string[]) => {
    const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postferry; echo "\${COMPREPLY[*]}"`
    const file = inRoot('usr/share/bash-completion/completions/postferry')
    return (await runProgram('bash', ['-c', script, file, 'postferry', ...words], process.env)).stdout.trim()
  }
  t.equal(await completed('prov'), 'provider')
  t.equal(await completed('provider', 'ap'), 'approve')
  t.equal(await completed('provider', 'add', 'old', '--ho'), '--host')
  t.equal(await completed('provider', 'add', 'old', '--tls', ''), 'implicit starttls none')
  t.equal(await completed('sync', '--o'), '--once')
})

t.test('it is installed, repaired and purged without systemd, and the settings stay as they are changed', async (t) => {
  const { run, must } = debianAbove(folder, dirname(deb))
  const install = `dpkg -i /mnt/${basename(deb)}`
  must('userdel postferry')
  must(install)
  t.equal(must('stat -c "%U:%G %a" /etc/postferry/postferry.env'), 'root:postferry 640\n')
  t.equal(must('stat -c "%U:%G %a" /var/lib/postferry-sync/identity'), 'vmail:vmail 600\n')
  t.match(run('setpriv --reuid postferry --regid postferry --init-groups cat /var/lib/postferry-sync/identity'), {
    status: 1,
  })
  const recipient = must('cat /var/lib/postferry/recipients')
  t.match(recipient, /^age1/)
  must('echo POSTFERRY_LOG_LEVEL=warn >>/etc/postferry/postferry.env; mkdir -p /var/vmail/old.example/anna/Maildir')
  // Who owns the mail may try to be given more by root.
  must(
    'mkdir /srv/roots; setpriv --reuid vmail --regid vmail --clear-groups ln -s /srv/roots /var/lib/postferry-sync/o',
  )
  must('cd /var/lib/postferry-sync; mv offlineimap kept; mv o offlineimap')
  must(install)
  t.equal(must('stat -c "%U:%G %a" /srv/roots'), 'root:root 755\n')
  t.match(must('cat /etc/postferry/postferry.env'), /^POSTFERRY_LOG_LEVEL=warn$/m)
  t.equal(must('stat -c "%U:%G %a" /etc/postferry/postferry.env'), 'root:postferry 640\n')
  t.equal(must('cat /var/lib/postferry/recipients'), recipient)
  must('dpkg --purge postferry')
  t.equal(must(`find / -xdev -name '*postferry*' ! -path '/mnt/*'`), '')
  t.equal(must('ls /var/vmail/old.example/anna'), 'Maildir\n')
})
