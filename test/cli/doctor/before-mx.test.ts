import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { BEFORE_MX, obstacles } from '../../../src/cli/doctor/before-mx.ts'
import { COMPILED } from '../../support/compiled.ts'
import { OWN } from '../../support/debian.ts'
import { startDns } from '../../support/dns.ts'
import { installed } from '../../support/dovecot-installed.ts'
import { mustRun, startFerry } from '../../support/ferry.ts'
import { ScriptedMx } from '../../support/scripted-mx.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')

t.test('whatever is not well, or could not be looked at, keeps the MX where it is', async (t) => {
  const open = obstacles([], BEFORE_MX)
  t.ok(open.includes('dns-spf') && open.includes('dovecot-delivery') && open.includes('provider-mx'))
  const all = open.map((id) => ({ check: id, id, result: 'ok', found: '' }) as const)
  t.same(obstacles(all, BEFORE_MX), [])
  t.same(obstacles([...all, { check: 'dns', id: 'dns-spf', result: 'warn', found: '' }], BEFORE_MX), ['dns-spf'])
  t.same(
    obstacles([...all, { check: 'dns', id: 'dns-mx', result: 'warn', found: '' }], BEFORE_MX),
    [],
    'it may still be elsewhere',
  )
})

t.test('doctor --before mx is go or no-go by its exit code', async (t) => {
  await using ferry = await startFerry({}, COMPILED)
  const { service } = ferry
  const folder = mkdtempSync(join(tmpdir(), 'postferry-before-mx-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o755)

  const [token, lua, postfix] = ['token', 'postferry.lua', 'postfix'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(token, `${service.token}\n`, { mode: 0o640 })
  const [, , dovecot] = /^(dovecot):x:(\d+)/m.exec(readFileSync('/etc/group', 'utf8')) ?? []
  chownSync(token, 0, Number(dovecot))
  cpSync(join(CHECKOUT, 'deploy/dovecot/postferry.lua'), lua)
  const is23 = OWN.dovecot === '2.3'
  const told = `POSTFERRY_URL=${service.url} POSTFERRY_AUTH_TOKEN_FILE=${token}`
  const ours = is23
    ? `import_environment = $import_environment ${told}`
    : `passdb lua {\n  lua_settings {\n    POSTFERRY_AUTH_TOKEN_FILE = ${token}\n  }\n}`
  await installed(t, OWN, {
    as: is23 ? '11-postferry.conf' : '99-postferry.conf',
    change: (text) => `${text}\n${ours}\n`,
    lua,
  })
  mkdirSync(postfix)
  const main = 'compatibility_level = 3.6\nmyhostname = new.test\nvirtual_transport = lmtp:unix:private/dovecot-lmtp\n'
  writeFileSync(join(postfix, 'main.cf'), main)
  writeFileSync(join(postfix, 'master.cf'), '')
  service.environment.MAIL_CONFIG = postfix

  const records = [
    ...['--host-record=new.test,192.0.2.5', '--mx-host=old.example,mx.old.example,10'],
    ...['renamed.example', 'new.example'].map((name) => `--txt-record=${name},v=spf1 a:new.test -all`),
  ]
  await using refusing = await startDns([...records, '--txt-record=old.example,v=spf1 mx -all'])
  await using allowing = await startDns([...records, '--txt-record=old.example,v=spf1 ip4:192.0.2.5 mx -all'])
  const doctor = (dns: string) =>
    service.run([
      ...['doctor', '--before', 'mx', '--dovecot-config', join(t.testdirName, 'dovecot/dovecot.conf')],
      ...['--dns-server', dns],
    ])

  const first = await doctor(refusing.address)
  t.equal(first.exitCode, 69, first.stdout)
  t.match(
    first.stderr,
    /no-go, the MX must not move yet: provider-tested, provider-mx, postfix-message-size, dns-spf\n$/,
  )
  t.match(first.stdout, /not signed in here yet would be told to come again \(451\)/)
  t.match(first.stdout, /old\.example\. IN TXT "v=spf1 ip4:192\.0\.2\.5 mx -all"/)

  await using mx = await ScriptedMx.start({
    extensions: ['SIZE 20480000', 'DSN'],
    recipient: () => '550 5.1.1 unknown',
  })
  await mustRun(service, 'provider', 'test', 'old')
  await mustRun(service, 'provider', 'set', 'old', '--mx', '127.0.0.1', '--mx-port', `${mx.port}`, '--mx-tls', 'none')
  t.match((await doctor(refusing.address)).stderr, /must not move yet: dns-spf\n$/)
  t.match(await doctor(allowing.address), { exitCode: 0, stderr: '' })

  mx.script = { ...mx.script, extensions: ['SIZE 5000000', 'DSN'] }
  const small = await doctor(allowing.address)
  t.match(small, { exitCode: 69, stderr: /must not move yet: postfix-message-size\n$/ })
  t.match(small.stdout, /message_size_limit = 5000000, in main\.cf/)
  mx.script = { ...mx.script, mail: () => '554 5.7.1 go away' }
  t.match(await doctor(allowing.address), { stderr: /must not move yet: provider-mx, postfix-message-size\n$/ })
  mx.script = { extensions: ['DSN'] }

  writeFileSync(lua, '-- of another version\n')
  t.match(await doctor(allowing.address), { exitCode: 69, stderr: /must not move yet: dovecot-lua\n$/ })
  cpSync(join(CHECKOUT, 'deploy/dovecot/postferry.lua'), lua)
  writeFileSync(join(postfix, 'main.cf'), main.replace('lmtp:unix:private/dovecot-lmtp', 'virtual'))
  t.match(await doctor(allowing.address), { exitCode: 69, stderr: /must not move yet: postfix-transport\n$/ })
})

t.end()
