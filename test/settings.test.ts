import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import pg from 'pg'
import t from 'tap'
import { SAMPLE_FILE, settingsSample } from '../build/settings-sample.ts'
import { loadSettings, redacted } from '../src/settings.ts'

t.test('the sample file shows every setting with its default', async (t) => {
  const sample = readFileSync(SAMPLE_FILE, 'utf8')
  t.equal(sample, settingsSample(), 'npm run docs writes it')
  const shown = sample.match(/(?<=^#)[A-Z_]+=.*$/gm) ?? []
  const dataDir = join(import.meta.dirname, '../data')
  const defaults = parseEnv(shown.join('\n').replaceAll('<data directory>', dataDir))
  const told = redacted(loadSettings({}))
  t.same(Object.keys(defaults).sort(), Object.keys(told).sort())
  t.same(redacted(loadSettings({ ...defaults, POSTFERRY_DATA_DIR: dataDir })), told)
})

t.test('a name that is no setting is refused, with the likeliest right one', async (t) => {
  const flaw = (...names: string[]) => {
    return () => loadSettings(Object.fromEntries(names.map((name) => [name, '/x'])))
  }
  const cases: [string, string][] = [
    ['POSTFERRY_DATADIR', ': is POSTFERRY_DATA_DIR meant?'],
    ['POSTFERRY_HOEM', ': is POSTFERRY_HOME meant?'],
    ['POSTFERRY_IDENTITY', ': is POSTFERRY_IDENTITY_FILE meant?'],
    ['POSTFERRY_AUTH_TOKEN_FIEL', ': is POSTFERRY_AUTH_TOKEN_FILE meant?'],
    ['POSTFERRY_SOMETHING_ELSE_ALTOGETHER', ''],
  ]
  for (const [name, meant] of cases) t.throws(flaw(name), { message: `there is no setting ${name}${meant}` })
  t.throws(flaw('POSTFERRY_HOEM', 'POSTFERRY_PROT'), { message: /POSTFERRY_HOEM.*; .*POSTFERRY_PROT/ }, 'all at once')
})

t.test("what Dovecot's files say in an environment is no mistake there", async (t) => {
  const names = ['POSTFERRY_URL', 'POSTFERRY_SOCKET', 'POSTFERRY_CLIENT_LIMIT_SECONDS', 'POSTFERRY_SETTINGS_FILE']
  t.ok(loadSettings(Object.fromEntries(names.map((name) => [name, '/x']))))
})

t.test('of a secret only whether it is set is told', async (t) => {
  const secrets = {
    DATABASE_URL: 'postgresql://ferry:hush-1@localhost/postferry',
    POSTFERRY_AUTH_TOKEN: `hush-2-${'x'.repeat(32)}`,
    POSTFERRY_ADMIN_TOKEN: `hush-3-${'x'.repeat(32)}`,
  }
  const told = redacted(loadSettings(secrets))
  t.notMatch(JSON.stringify(told), /hush/)
  for (const name of Object.keys(secrets)) {
    t.equal(told[name], 'set')
    t.equal(redacted(loadSettings({}))[name], 'not set')
  }
})

t.test('what is not loopback is refused without TLS, unless it is allowed', async (t) => {
  for (const POSTFERRY_HOST of ['127.0.0.1', '127.8.8.8', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'LocalHost'])
    t.equal(loadSettings({ POSTFERRY_HOST }).host, POSTFERRY_HOST)
  for (const POSTFERRY_HOST of [
    '0.0.0.0',
    '::',
    '192.0.2.1',
    '::ffff:192.0.2.1',
    'mail.example',
    'localhost.example',
  ]) {
    t.throws(() => loadSettings({ POSTFERRY_HOST }), { message: /^POSTFERRY_HOST=\S+ is open to other hosts/ })
    t.throws(() => loadSettings({ POSTFERRY_HOST, POSTFERRY_PLAIN_HTTP: 'no' }))
    t.equal(loadSettings({ POSTFERRY_HOST, POSTFERRY_PLAIN_HTTP: 'yes' }).host, POSTFERRY_HOST)
    t.equal(loadSettings({ POSTFERRY_HOST, POSTFERRY_PORT: '0' }).port, 0, 'nobody listens there')
  }
  t.throws(() => loadSettings({ POSTFERRY_PLAIN_HTTP: 'true' }), { message: 'POSTFERRY_PLAIN_HTTP must be yes or no' })
})

t.test('a token that can be guessed is refused, wherever it stands', async (t) => {
  const file = join(t.testdir({ token: `${'x'.repeat(31)}\n`, good: `${'x'.repeat(32)}\n` }), 'token')
  for (const name of ['POSTFERRY_AUTH_TOKEN', 'POSTFERRY_ADMIN_TOKEN']) {
    const flaw = { message: new RegExp(`^${name} must have 32 characters at least`) }
    t.throws(() => loadSettings({ [name]: 'x' }), flaw)
    t.throws(() => loadSettings({ [name]: 'x'.repeat(31) }), flaw)
    t.throws(() => loadSettings({ [`${name}_FILE`]: file }), flaw)
    t.throws(() => loadSettings({ [name]: `${'x'.repeat(32)} y` }), { message: /without blanks/ })
    t.equal(redacted(loadSettings({ [`${name}_FILE`]: file.replace(/token$/, 'good') }))[name], 'set')
  }
})

t.test('names of hosts are names alone', async (t) => {
  t.same(loadSettings({ POSTFERRY_HOST_NAMES: 'Ferry.example, mx_1' }).hostNames, ['ferry.example', 'mx_1'])
  for (const POSTFERRY_HOST_NAMES of ['https://a.example', 'a.example:443', '*', 'a..b', '-a.example', '[::1]'])
    t.throws(() => loadSettings({ POSTFERRY_HOST_NAMES }), { message: /^POSTFERRY_HOST_NAMES must be names of hosts/ })
})

t.test('of the URL of a database nothing is passed over', async (t) => {
  const ca = join(t.testdir({ 'ca.pem': 'x' }), 'ca.pem')
  const read = (query: string) => loadSettings({ DATABASE_URL: `postgresql://u:hush@h/db${query}` }).databaseUrl
  const flaws: [string, RegExp][] = [
    ['?sslmod=verify-full', /^DATABASE_URL has a parameter sslmod: there is none/],
    ['?SSLMODE=verify-full', /parameter SSLMODE/],
    ['?sslmode=require&chanel_binding=require', /parameter chanel_binding/],
    ['?sslmode=verify_full', /has a wrong sslmode: it must be disable, .*verify-full/],
    ['?ssl=false', /has a wrong ssl/],
    ['#x', /must have %23 for a #/],
    [`?sslmode=verify-full&sslrootcert=${ca}.none`, /names a file with sslrootcert .*: \S+ca\.pem\.none \(ENOENT\)/],
    ['?sslcert=/nowhere/cert', /sslcert .*\/nowhere\/cert \(ENOENT\)/],
    ['?sslkey=/nowhere/key', /sslkey .*\/nowhere\/key \(ENOENT\)/],
  ]
  for (const [query, message] of flaws) t.throws(() => read(query), { message }, query)
  t.throws(() => loadSettings({ DATABASE_URL: 'postgresql://u:12?hush@h/db' }), {
    message: /^(?!.*hush).*must have %3F/,
  })
  for (const query of [
    '',
    '?host=/run/postgresql&user=x&port=5433',
    `?sslmode=verify-full&sslrootcert=${ca}`,
    '?sslmode=no-verify&application_name=x&options=-c%20work_mem%3D4MB',
    '?uselibpqcompat=true&sslmode=require',
    '?sslmode=verify-full&channel_binding=require&connect_timeout=10&target_session_attrs=read-write',
  ])
    t.equal(read(query), `postgresql://u:hush@h/db${query}`)
})

t.test('pg warns of no way to say what TLS shall prove, and proves it all', async (t) => {
  const warned: unknown[] = []
  const note = (warning: Error) => warned.push(warning.message)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full'])
    for (const query of [`?sslmode=${mode}`, `?user=x&sslmode=${mode}&port=1`]) {
      const connectionString = loadSettings({ DATABASE_URL: `postgresql://h/db${query}` }).databaseUrl ?? ''
      t.same(new pg.Client({ connectionString }).ssl, {}, `${query} encrypts, and verifies`)
    }
  await new Promise(setImmediate)
  t.same(warned, [])
})
