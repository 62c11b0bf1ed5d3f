// The Debian package on a Debian 12 and a Debian 13 that boot, with systemd: installed, watched, upgraded, purged.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Booted, boot } from '../support/booted.ts'
import { makeDeb } from '../support/deb.ts'
import { until } from '../support/until.ts'

const UNITS = ['postferry-postgresql', 'postferry', 'postferry-sync']

const folder = mkdtempSync(join(tmpdir(), 'postferry-packages-'))
t.after(() => rmSync(folder, { recursive: true }))
const [deb, newer] = [makeDeb(folder, '0.1.0+1'), makeDeb(folder, '0.1.0+2')]

t.test('the same commit makes the same package', async (t) => {
  const again = makeDeb(join(folder, 'again'), '0.1.0+1')
  t.equal(sha256(again), sha256(deb))
})

for (const release of [13, 12] as const) {
  t.test(`Debian ${release}: it is installed, runs, is upgraded while it runs, and is purged`, async (t) => {
    await using host = await boot(release)
    const before = await filesOn(host)
    await host.must(`apt-get install --yes ${host.bring(deb)}`)
    await runs(t, host, 'installed')
    t.match(await host.must('postferry doctor'), /^ok {4}serve +socket \/run\/postferry\/postferry\.sock is ready$/m)
    t.match(
      (await host.run('setpriv --reuid postferry --regid postferry --init-groups cat /var/lib/postferry-sync/identity'))
        .stderr,
      'Permission denied',
    )

    await host.must(
      'postferry provider add old --host imap.old.example && postferry domain add old.example --provider old',
    )
    await host.must('echo POSTFERRY_LOG_LEVEL=warn >>/etc/postferry/postferry.env')
    await hangs(t, host)

    const pid = await mainPid(host)
    await host.must(`apt-get install --yes ${host.bring(newer)}`)
    await runs(t, host, 'upgraded')
    t.not(await mainPid(host), pid, 'the new program runs')
    t.match(await host.must('dpkg -l postferry'), / 0\.1\.0\+2 /)
    t.match(await host.must('postferry domain list'), 'old.example')
    t.match(await host.must('cat /etc/postferry/postferry.env'), /^POSTFERRY_LOG_LEVEL=warn$/m)

    await host.must('install -d -o vmail -g vmail /var/vmail/old.example/anna/Maildir')
    await host.must('apt-get purge --yes postferry')
    t.equal((await host.run('systemctl list-units --all --plain --no-legend "postferry*"')).stdout, '')
    const left = (await filesOn(host)).filter((file) => !before.includes(file))
    t.same(
      left.filter(
        (file) =>
          !/^\/(var\/(lib\/(apt|dpkg|systemd|ucf)|log|cache|tmp|backups)|run|tmp|etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?|root\/postferry_)/.test(
            file,
          ),
      ),
      ['/var/vmail', '/var/vmail/old.example', '/var/vmail/old.example/anna', '/var/vmail/old.example/anna/Maildir'],
    )
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
