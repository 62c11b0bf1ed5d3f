// The Debian package on a Debian 12 and a Debian 13 that boot, with systemd: installed as the docs say, up to the first person
// and their mail; watched, upgraded, purged.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Booted, boot } from '../support/booted.ts'
import { makeDeb } from '../support/deb.ts'
import { firstTenMinutes } from '../support/first-ten-minutes.ts'
import { linesOf } from '../support/lines-of.ts'
import { until } from '../support/until.ts'

const AS_SERVE = 'setpriv --reuid postferry --regid postferry --init-groups'
/** What apt, the mail and the old server leave. */
const OTHERS =
  /^\/(var\/(vmail|lib\/(apt|dpkg|systemd|dovecot|postfix)|spool\/postfix\/(?!postferry)|log|cache|tmp|backups)|run|tmp|root|srv|usr\/local\/share|etc\/((passwd|group|shadow|gshadow|subuid|subgid)-?$|dovecot|postfix|ssl|rc\d\.d|systemd\/.*\/(dovecot|postfix)\.service$))/
const UNITS = ['postferry-postgresql', 'postferry', 'postferry-sync']

t.setTimeout(3_600_000)
const folder = mkdtempSync(join(tmpdir(), 'postferry-packages-'))
t.after(() => rmSync(folder, { recursive: true }))
const [deb, newer] = [makeDeb(folder, '0.1.0+1'), makeDeb(folder, '0.1.0+2')]

t.test('the same commit makes the same package', async (t) => {
  const again = makeDeb(join(folder, 'again'), '0.1.0+1')
  t.equal(sha256(again), sha256(deb))
})

for (const release of [13, 12] as const) {
  t.test(`Debian ${release}: it is installed, moves somebody, is upgraded while it runs, and is purged`, async (t) => {
    await using host = await boot(release)
    const before = await filesOn(host)
    host.bring(deb)
    await firstTenMinutes(t, host)
    await runs(t, host, 'installed')
    t.match(await host.must('postferry doctor'), /^ok {4}serve +socket \/run\/postferry\/postferry\.sock is ready$/m)
    const seen = await host.run(`${AS_SERVE} cat /var/lib/postferry-sync/identity`)
    t.match(seen, { exitCode: 1, stdout: '', stderr: /Permission denied/ })

    await isByHand(t, host, release)
    await hangs(t, host)

    await host.must('rm /root/*.deb; echo POSTFERRY_LOG_LEVEL=warn >>/etc/postferry/postferry.env')
    host.bring(newer)
    const pid = await mainPid(host)
    await host.must(`cd /root && ${linesOf('docs/operate.md', 'apt install')[0]}`)
    await runs(t, host, 'upgraded')
    t.not(await mainPid(host), pid, 'the new program runs')
    t.match(await host.must('dpkg -l postferry'), / 0\.1\.0\+2 /)
    // An attempt that has come upon a restart of Dovecot is made again.
    await until(
      async () => /^anna@old\.example .* synced /m.test(await host.must('postferry migration list')),
      'her mail is in sync',
    )
    t.match(await host.must('cat /etc/postferry/postferry.env'), /^POSTFERRY_LOG_LEVEL=warn$/m)

    for (const line of linesOf('docs/operate.md', 'apt purge')) await host.must(line)
    t.equal((await host.run('systemctl list-units --all --plain --no-legend "postferry*"')).stdout, '')
    const left = (await filesOn(host)).filter((file) => !before.includes(file))
    t.same(
      left.filter((file) => !OTHERS.test(file)),
      [],
    )
    t.match(await host.must('find /var/vmail/old.example/anna/Maildir -type f'), /\/(new|cur)\//)
  })
}

t.test('lintian finds no error in it', async (t) => {
  await using host = await boot(13)
  const { stdout } = await host.run(
    `lintian --allow-root --fail-on none ${host.bring(makeDeb(join(folder, 'xz'), '0.1.0', 'xz'))}`,
  )
  t.same(
    stdout.split('\n').filter((line) => line.startsWith('E: ')),
    [],
  )
})

/** By hand it is the same as by setup, whose files for Postfix are taken back first. */
async function isByHand(t: Test, host: Booted, release: 12 | 13): Promise<void> {
  await host.must("sed -i '/^smtpd_sasl_type/,$d' /etc/postfix/main.cf")
  await host.must("sed -i '/^submission inet/,$d' /etc/postfix/master.cf")
  await host.must('rm /etc/dovecot/conf.d/98-postferry-postfix.conf /etc/tmpfiles.d/postferry-postfix.conf')
  await host.must("sed -i '/^POSTFERRY_\\(SOCKETMAP\\|RECIPIENT_\\|DOVEADM\\)/d' /etc/postferry/postferry.env")
  const page = 'deploy/dovecot/README.md'
  const lines = linesOf(page, 'install -m 644 2.4/')
  const older = linesOf(page, 'install -m 644 2.3/')
  const isNew = (line: string) => line.includes(' 2.4/')
  const shared = lines.filter((line) => !isNew(line))
  const proxied = linesOf(page, 'install -m 644 2.4/postferry-proxy').map((line) => {
    return release === 13 ? line : line.replace(' 2.4/', ' 2.3/')
  })
  const ofVersion = release === 13 ? lines.filter(isNew) : older
  const dovecot = [...shared.slice(0, 2), ...ofVersion, ...shared.slice(2), ...proxied]
  for (const [folder, all] of [
    ['dovecot', dovecot],
    ['postfix', linesOf('deploy/postfix/README.md', 'cat postferry-sasl.cf')],
  ] as const) {
    for (const line of all) {
      await host.must(`cd /usr/share/doc/postferry/examples/${folder} && ${line.replace('apt-get', 'apt-get --yes')}`)
    }
  }
  // POP3 and ManageSieve are installed there: the file says which lines that concerns.
  const proxy = '/etc/dovecot/conf.d/postferry-proxy.conf.ext'
  await host.must(`sed -i '/^# Where they are installed:/,$ { /^# Where/! s/^#// }' ${proxy}`)
  t.equal(await host.must('postferry setup --yes'), 'nothing to do\n')
}

async function runs(t: Test, { must }: Booted, when: string): Promise<void> {
  for (const unit of UNITS) t.equal(await must(`systemctl is-active ${unit}`), 'active\n', `${unit}, ${when}`)
  t.match(await must('systemctl show --property NRestarts --value postferry postferry-sync'), /^0\n+0\n$/)
}

/** Who hangs is started again. */
async function hangs(t: Test, { must, run }: Booted): Promise<void> {
  await must(
    'mkdir -p /run/systemd/system/postferry.service.d && printf "[Service]\\nWatchdogSec=5\\n" >/run/systemd/system/postferry.service.d/test.conf',
  )
  await must('systemctl daemon-reload && systemctl restart postferry')
  await must('kill -STOP "$(systemctl show --property MainPID --value postferry)"')
  await until(
    async () => (await run('systemctl show --property NRestarts --value postferry')).stdout === '1\n',
    'it is started again',
  )
  await until(async () => (await run('systemctl is-active postferry')).stdout === 'active\n', 'it is up again')
  t.match(await must('journalctl --unit postferry --grep "Watchdog timeout"'), 'Watchdog timeout')
  await must('rm -r /run/systemd/system/postferry.service.d && systemctl daemon-reload && systemctl restart postferry')
}

async function mainPid({ must }: Booted): Promise<string> {
  return await must('systemctl show --property MainPID --value postferry')
}

async function filesOn({ must }: Booted): Promise<string[]> {
  return (await must('find / -xdev')).split('\n')
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
