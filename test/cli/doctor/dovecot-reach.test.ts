import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkReach } from '../../../src/cli/doctor/dovecot-reach.ts'
import { parseDoveconf } from '../../../src/files/doveconf.ts'
import type { Settings } from '../../../src/settings.ts'
import { debian } from '../../support/debian.ts'
import { installed } from '../../support/dovecot-installed.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-reach-'))
t.after(() => rmSync(folder, { recursive: true }))
const idOf = (table: string, name: string) => {
  const line = readFileSync(table, 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
  return Number(line?.split(':')[2])
}
/** A group that the user dovecot is not in. */
const MAIL = idOf('/etc/group', 'mail')

for (const release of [12, 13] as const) {
  const one = debian(release)
  const as = one.dovecot === '2.3' ? '11-postferry.conf' : '99-postferry.conf'
  const place = join(folder, one.dovecot)
  mkdirSync(place)
  chmodSync(folder, 0o755)
  const [dataDir, run, token] = [join(place, 'data'), join(place, 'run'), join(place, 'token')]
  for (const each of [dataDir, run]) mkdirSync(each)
  const socket = join(run, 'postferry.sock')
  const settings = { dataDir, socket, authToken: null } as unknown as Settings

  t.test(`Dovecot ${one.dovecot} opens the socket by the group of its service, or not at all`, async (t) => {
    const listening = createServer().listen(socket)
    await new Promise((resolve) => listening.once('listening', resolve))
    t.after(() => listening.close())
    chmodSync(socket, 0o660)
    chownSync(socket, 0, MAIL)
    const file =
      one.dovecot === '2.3'
        ? `import_environment = $import_environment POSTFERRY_SOCKET=${socket}`
        : `passdb lua {\n  lua_settings {\n    POSTFERRY_SOCKET = ${socket}\n  }\n}`
    const looked = async (more: string) => {
      const change = (text: string) => `${text}\n${file}\n${more}\n`
      return [...checkReach(parseDoveconf(await installed(t, one, { as, change })), settings)]
    }
    const grouped = 'service auth-worker {\n  extra_groups = mail\n}'
    t.match(await looked(''), [
      { id: 'dovecot-socket', result: 'fail', found: /auth-worker may not open/, remedy: /^extra_groups = mail, / },
    ])
    t.match(await looked(grouped), [{ id: 'dovecot-socket', result: 'ok' }])
    chmodSync(run, 0o700)
    t.match(await looked(grouped), [{ result: 'fail', found: `service auth-worker does not get into ${run}` }])
    chmodSync(run, 0o755)
    listening.close()
    t.match(await looked(grouped), [{ result: 'warn', remedy: /postferry serve/ }])
    const elsewhere = { ...settings, socket: '/run/other.sock' }
    const change = (text: string) => `${text}\n${file}\n`
    const dovecot = parseDoveconf(await installed(t, one, { as, change }))
    t.match([...checkReach(dovecot, elsewhere)], [{ result: 'fail', remedy: /^POSTFERRY_SOCKET = \/run\/other\.sock/ }])
  })

  t.test(`Dovecot ${one.dovecot} has the auth token in force, and may read it`, async (t) => {
    const change = (text: string) => text
    const text = await installed(t, one, { as, change })
    const dovecot = parseDoveconf(text.replaceAll('/etc/dovecot/postferry.token', token))
    const looked = () => [...checkReach(dovecot, settings)]
    t.match(looked(), [{ id: 'dovecot-token', result: 'fail', found: `${token} is not there` }])
    writeFileSync(join(dataDir, 'auth-token'), `${'a'.repeat(64)}\n`)
    writeFileSync(token, `${'b'.repeat(64)}\n`, { mode: 0o600 })
    t.match(looked(), [
      { result: 'fail', found: `service auth-worker may not read ${token}`, remedy: /^install -m 640/ },
    ])
    chownSync(token, 0, idOf('/etc/passwd', 'dovecot') > 0 ? idOf('/etc/group', 'dovecot') : 0)
    chmodSync(token, 0o640)
    t.match(looked(), [{ result: 'fail', found: `${token} is not the auth token in force` }])
    writeFileSync(token, `${'a'.repeat(64)}\n`)
    t.match(looked(), [{ result: 'ok', found: 'it has the auth token' }])
    t.notMatch(JSON.stringify(looked()), /aaaa|bbbb/)
  })
}
