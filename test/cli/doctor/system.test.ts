import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { judged } from '../../../src/cli/doctor/certificate.ts'
import { findingRow } from '../../../src/cli/doctor/finding.ts'
import { checkClock, checkRoom, checkUnits } from '../../../src/cli/doctor/system.ts'
import type { Settings } from '../../../src/settings.ts'

/** What `systemctl show` prints of units; the rest of the program is systemd's. */
function unit(values: Record<string, string>): string {
  const usual = {
    LoadState: 'loaded',
    ActiveState: 'active',
    SubState: 'running',
    UnitFileState: 'enabled',
    NRestarts: '0',
  }
  return Object.entries({ ...usual, ...values })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function unitsFound(t: Test, script: string) {
  const folder = t.testdir({ systemctl: `#!/bin/sh\n${script}\n` })
  chmodSync(join(folder, 'systemctl'), 0o755)
  const { PATH } = process.env
  process.env.PATH = `${folder}:${PATH}`
  try {
    return await Array.fromAsync(checkUnits())
  } finally {
    process.env.PATH = PATH
  }
}

t.test('a unit that does not run, or will not after a restart of the host, is told with its command', async (t) => {
  const shown = [
    unit({ Id: 'postferry.service' }),
    unit({ Id: 'postferry-sync.service', ActiveState: 'failed', SubState: 'failed' }),
    unit({ Id: 'postferry-postfix-sasl.service', LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '' }),
    unit({ Id: 'dovecot.service', UnitFileState: 'disabled' }),
  ]
  t.match(await unitsFound(t, `cat <<'END'\n${shown.join('\n')}END`), [
    { check: 'unit', result: 'ok', found: 'postferry.service runs' },
    {
      result: 'fail',
      found: /^postferry-sync.service has failed/,
      remedy: 'journalctl -u postferry-sync.service -n 50',
    },
    { result: 'warn', found: 'dovecot.service is not enabled', remedy: 'systemctl enable dovecot.service' },
  ])
  const inactive = unit({ Id: 'postferry.service', ActiveState: 'inactive', SubState: 'dead' })
  t.match(await unitsFound(t, `cat <<'END'\n${inactive}END`), [
    { result: 'warn', remedy: 'systemctl enable --now postferry.service' },
  ])
  const restless = unit({ Id: 'postferry.service', NRestarts: '12' })
  t.match(await unitsFound(t, `cat <<'END'\n${restless}END`), [{ result: 'warn', found: /12 times/ }])
})

t.test('without systemd, or without units, there is nothing to tell', async (t) => {
  t.match(await unitsFound(t, 'echo System has not been booted with systemd >&2; exit 1'), [
    { check: 'units', result: 'ok', found: 'no systemd here' },
  ])
  const none = unit({ Id: 'postferry.service', LoadState: 'not-found' })
  t.match(await unitsFound(t, `cat <<'END'\n${none}END`), [{ result: 'ok', found: 'none is installed' }])
})

t.test('a host whose clock differs from that of the database is told by how much', async (t) => {
  const theirs = Date.parse('2026-11-28T12:00:00Z')
  const clock = async (ours: number, takes = 0) => {
    const times = [ours, ours + takes]
    return await checkClock({ database: { clock: async () => new Date(theirs) } as never }, () => times.shift() ?? 0)
  }
  t.match(await clock(theirs), { check: 'clock', result: 'ok' })
  t.match(await clock(theirs - 90_000), { result: 'warn', found: 'this host is 90 s behind the database' })
  t.match(await clock(theirs + 90_000), { result: 'warn', found: /90 s ahead/, remedy: /set-ntp/ })
  t.match(await clock(theirs - 8_000, 8_000), { result: 'ok' }, 'a slow answer proves nothing')
})

t.test('where copying has no room, the fullest folder is named', async (t) => {
  const settings = { home: '/srv/mail/%d/%n', dataDir: '/var/lib/postferry' } as Settings
  const room = (left: Record<string, number>) =>
    checkRoom(settings, '/state', { left: (folder) => left[folder] ?? Number.POSITIVE_INFINITY })
  t.match(room({ '/srv/mail': 5e9, '/state': 7e9 }), { result: 'ok', found: '5.0 GB may still be copied to /srv/mail' })
  t.match(room({ '/srv/mail': 5e9, '/state': -1 }), { result: 'fail', found: /\/state/ })
})

t.test('certificates that end are told in time', async (t) => {
  t.match(judged('imap.old.example', -1), { result: 'fail', found: /has ended/ })
  t.match(judged('imap.old.example', 13), { result: 'warn', found: /good for 13 days/ })
  t.match(judged('imap.old.example', 14), { result: 'ok' })
})

t.test('findings have a stable shape for programs', async (t) => {
  t.match(findingRow({ check: 'data directory', result: 'fail', found: 'it is open', remedy: 'chmod' }), {
    ...{ id: 'data-directory', level: 'error', what: 'it is open', why: null, mend: 'chmod' },
  })
  t.match(findingRow({ check: 'provider old', id: 'provider', result: 'ok', found: 'it answers', why: 'so' }), {
    ...{ id: 'provider', level: 'ok', what: 'it answers', why: 'so', mend: null },
  })
})
