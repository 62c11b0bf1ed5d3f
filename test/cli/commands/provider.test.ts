import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { certificates } from '../../support/certificates.ts'
import { COMPILED } from '../../support/compiled.ts'
import { mustRun, rows } from '../../support/ferry.ts'
import { freePort } from '../../support/loopback.ts'
import { scripted, startScriptedImap, type Tried } from '../../support/scripted-imap.ts'
import { type RunningService, startService } from '../../support/service.ts'
import { startSource } from '../../support/source-server.ts'
import { mistakeIn } from '../mistake.ts'

const certs = await certificates()
const folder = mkdtempSync(join(tmpdir(), 'postferry-provider-'))
t.after(() => rmSync(folder, { recursive: true }))
let service: RunningService
t.before(async () => {
  service = await startService(COMPILED)
})
t.after(() => service[Symbol.asyncDispose]())

const isp = {
  name: 'isp',
  host: 'mail.isp.example',
  port: 143,
  tls: 'starttls',
  ca_file: null,
  fingerprint: 'ab'.repeat(32),
  max_connections: 5,
  copy_connections: 2,
  daily_bytes: 2_621_440_000,
  login_name: '%n',
  cutover: 'immediate',
  ...{
    flip: 'auto',
    gone: false,
    pop3_port: null,
    pop3_uidl: 'dovecot',
    sieve_port: null,
    filters: 'carry',
    login_addresses: 1,
  },
  engine: 'doveadm',
  roles: 'keep',
  forward_client: true,
  refusal: null,
  reopens: false,
  after_refusal: 'admit',
  ...{ mx: null, mx_port: 25, mx_tls: 'verified', tls_min: '1.2', master_name: null, master_login: 'user*master' },
  window: null,
  include: ['INBOX', '*'],
  exclude: ['Spam*', 'Entwürfe/%'],
  tested_at: null,
  test_failed: null,
}

t.test('a provider is added, shown, changed where it is told and removed, while serve runs', async (t) => {
  const added = await rows(
    service,
    ...['provider', 'add', 'isp', '--host', 'Mail.ISP.example', '--tls', 'starttls', '--max-connections', '5'],
    ...['--copy-connections', '2', '--daily-bytes', '2500M'],
    ...['--fingerprint', Array(32).fill('AB').join(':'), '--login-name', '%n', '--cutover', 'immediate'],
    ...['--engine', 'doveadm'],
    '--forward-client',
    ...['--include', 'INBOX', '--include', '*', '--exclude', 'Spam*', '--exclude', 'Entwürfe/%'],
  )
  t.same(added, isp)
  await mustRun(service, 'provider', 'add', 'a', '--host', 'a.example')
  t.match(await rows(service, 'provider', 'list'), [
    {
      name: 'a',
      port: 993,
      tls: 'implicit',
      max_connections: 20,
      copy_connections: null,
      login_name: '%u',
      cutover: 'immediate',
      engine: 'auto',
      forward_client: false,
      include: [],
    },
    isp,
  ])
  const [head, a, second] = (await mustRun(service, 'provider', 'list')).split('\n')
  t.match(head, /^NAME +HOST +PORT/)
  t.equal(a?.indexOf('a.example'), second?.indexOf('mail.isp.example'), 'columns are aligned')
  await mustRun(
    service,
    ...['provider', 'set', 'isp', '--port', '1143', '--no-exclude', '--no-fingerprint', '--no-forward-client'],
  )
  const changed = { ...isp, port: 1143, exclude: [], fingerprint: null, forward_client: false }
  const unused = { breaker: null, connections_in_use: null, waiting: null }
  t.same(await rows(service, 'provider', 'show', 'isp'), { ...changed, ...unused })
  t.match(await mustRun(service, 'provider', 'show', 'isp'), /^login name +%n$/m)
  await mustRun(service, 'provider', 'remove', 'a')
  t.same(
    (await rows(service, 'provider', 'list')).map(({ name }: { name: string }) => name),
    ['isp'],
  )
})

t.test('whoever has filters read without TLS, or through one that can be broken, is warned', async (t) => {
  const clear = /; warning: passwords travel in the clear to ManageSieve, too \(filters, port 4190\); next: /
  t.match(await mustRun(service, 'provider', 'add', 'clear', '--host', 'c.example', '--tls', 'none'), clear)
  const set = (...options: string[]) => mustRun(service, 'provider', 'set', 'clear', ...options)
  t.notMatch(await set('--max-connections', '7'), /warning/, 'once')
  t.match(await set('--sieve-port', '4191'), /in the clear .*port 4191\); .*provider approve clear/)
  t.notMatch(await set('--filters', 'leave'), /warning/)
  t.notMatch(await set('--filters', 'carry', '--tls', 'starttls'), /warning/)
  t.match(await set('--tls-min', '1.0'), /warning: TLS 1.0 is allowed/)
  await mustRun(service, 'provider', 'remove', 'clear')
})

t.test('a domain is added in its canonical form, and keeps its provider', async (t) => {
  t.same(await rows(service, 'domain', 'add', 'Bücher.Example', '--provider', 'isp', '--new-domain', 'Books.example'), {
    domain: 'xn--bcher-kva.example',
    new_domain: 'books.example',
    provider: 'isp',
    closed: false,
  })
  t.match(await rows(service, 'domain', 'list'), [{ new_domain: 'books.example' }])
  const kept = await mistakeIn(['provider', 'remove', 'isp'], service.environment)
  t.match(kept, { exitCode: 65, line: /isp still has domains/ })
  await mustRun(service, 'domain', 'remove', 'bücher.example')
  t.same(await rows(service, 'domain', 'list'), [])
})

t.test('nobody is said to sign in at a provider whose last test failed, or that was not tested', async (t) => {
  const said = async (domain: string) => await mustRun(service, 'domain', 'add', domain, '--provider', 'gone')
  const port = `${await freePort()}`
  await mustRun(service, ...['provider', 'add', 'gone', '--host', '127.0.0.1', '--port', port, '--tls', 'none'])
  const untested = 'gone was not tested yet as it is now: postferry provider test gone\n'
  t.equal(await said('one.example'), `one.example is added; ${untested}`)
  t.equal((await service.run(['provider', 'test', 'gone'])).exitCode, 69)
  t.match(await rows(service, 'provider', 'show', 'gone'), { tested_at: /^20/, test_failed: 'connect' })
  t.equal(
    await said('two.example'),
    'two.example is added, but nobody can sign in: the last test of gone failed (connect); postferry provider test gone\n',
  )
  await mustRun(service, 'provider', 'set', 'gone', '--max-connections', '3')
  t.match(await rows(service, 'provider', 'show', 'gone'), { test_failed: 'connect' })
  await mustRun(service, 'provider', 'set', 'gone', '--tls', 'starttls')
  t.match(await rows(service, 'provider', 'show', 'gone'), { tested_at: null, test_failed: null })
  t.equal(await said('three.example'), `three.example is added; ${untested}`)
})

t.test('what does not fit the records is one line and exit code 65', async (t) => {
  const unfit: [string[], RegExp][] = [
    [['provider', 'add', 'isp', '--host', 'h'], /isp exists already/],
    [['provider', 'show', 'nobody'], /no provider nobody/],
    [['provider', 'set', 'nobody', '--port', '1'], /no provider nobody/],
    [['provider', 'remove', 'nobody'], /no provider nobody/],
    [['provider', 'test', 'nobody'], /no provider nobody/],
    [['domain', 'add', 'x.example', '--provider', 'nobody'], /no provider nobody/],
    [['domain', 'remove', 'x.example'], /no domain x\.example/],
    [['migration', 'list', '--provider', 'nobody'], /no provider nobody/],
    [['account', 'show', 'nobody@x.example'], /no account nobody@x\.example/],
    [['migration', 'pause', 'nobody@x.example'], /no migration of nobody@x\.example/],
  ]
  for (const [args, line] of unfit) {
    const mistake = await mistakeIn(args, service.environment)
    t.match(mistake, { exitCode: 65, line }, args.join(' '))
    t.match(mistake.line, /^postferry: [^\n]+\n$/)
  }
})

t.test('a CA file is kept by its absolute path when it holds certificates', async (t) => {
  const ca = relative(process.cwd(), certs.server.ca)
  t.match(await rows(service, 'provider', 'set', 'isp', '--ca-file', ca), { ca_file: certs.server.ca })
  t.match(await rows(service, 'provider', 'set', 'isp', '--no-ca-file'), { ca_file: null })
  writeFileSync(join(folder, 'text.pem'), 'no certificate')
  writeFileSync(join(folder, 'damaged.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
  copyFileSync(certs.server.key, join(folder, 'key.pem'))
  for (const name of ['nowhere.pem', 'text.pem', 'damaged.pem', 'key.pem', '.']) {
    const file = join(folder, name)
    const mistake = await mistakeIn(['provider', 'set', 'isp', '--ca-file', file], service.environment)
    t.match(mistake, { exitCode: 65, line: 'postferry: --ca-file: ' })
    t.match(mistake.line, file, 'with the absolute path')
  }
})

t.test('nothing that is kept can play with the terminal', async (t) => {
  const pattern = 'a\u202Eb\u2028c\u{E0041}'
  const added = await service.run(['provider', 'add', 'sly', '--host', 'h', '--exclude', pattern, '--json'])
  t.match(added.stdout, String.raw`["a\u202eb\u2028c\udb40\udc41"]`)
  t.same(JSON.parse(added.stdout).exclude, [pattern], 'a parser reads what was kept')
  t.match(await mustRun(service, 'provider', 'show', 'sly'), String.raw`a\u202eb\u2028c\udb40\udc41`)
  const { line } = await mistakeIn(['provider', 'show', '\u001b[31m\u202E'], service.environment)
  t.match(line, String.raw`no provider \u001b[31m\u202e`)
})

t.test('provider test tells what to change until it succeeds', async (t) => {
  await using old = await startSource({ people: {}, tls: certs.foreign })
  await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost', '--port', `${old.tlsPort}`)
  const failed = await service.run(['provider', 'test', 'old'])
  t.match(failed, { exitCode: 69, stderr: 'postferry: provider old cannot be used: tls failed\n' })
  t.match(failed.stdout, /^ok +resolve .*\nok +connect .*\nfail +tls .*\n +what to do: .*--fingerprint .*\n$/)
  const advice = /postferry (provider set old --fingerprint \S+)$/m.exec(failed.stdout)?.[1] ?? ''
  await mustRun(service, ...advice.split(' '))
  const steps = await rows(service, 'provider', 'test', 'old')
  t.same(
    steps.map(({ step, ok }: { step: string; ok: boolean }) => [step, ok]),
    ['resolve', 'connect', 'tls', 'greeting', 'capabilities', 'refusal'].map((step) => [step, true]),
  )
})

t.test('a refusal in words of its own is trouble before it is learned and mismatch afterwards', async (t) => {
  let answer = 'NO Das war nichts (Nr. 1)'
  const signIn = ({ connection, tag }: Tried) => connection.say(`${tag} ${answer}\r\n`)
  await using old = await startScriptedImap(scripted({ signIn }))
  const way = ['--host', '127.0.0.1', '--port', `${old.port}`, '--tls', 'none']
  await mustRun(service, 'provider', 'add', 'odd', ...way)
  await mustRun(service, 'domain', 'add', 'odd.example', '--provider', 'odd')
  const refusal = async () => (await rows(service, 'provider', 'show', 'odd')).refusal
  const verdict = async (password: string) => (await service.passdb('anna@odd.example', password)).body.verdict

  t.equal(await verdict('one'), 'tempfail')
  answer = 'NO Das Ding ist kaputt: temporary problem'
  t.match(await service.run(['provider', 'test', 'odd']), { exitCode: 69, stdout: /^fail +refusal/m })
  t.equal(await refusal(), null, 'nothing is learned from trouble')
  answer = 'NO Das war nichts (Nr. 2)'
  t.match(await mustRun(service, 'provider', 'test', 'odd'), /^ok +refusal +learned: .*Das war nichts/m)
  t.equal(await refusal(), 'das war nichts (nr. …')
  t.match(await mustRun(service, 'provider', 'test', 'odd'), /^ok +refusal +refuses as expected/m)
  answer = 'NO Das war nichts (Nr. 3)'
  t.equal(await verdict('two'), 'mismatch')

  await mustRun(service, 'provider', 'set', 'odd', '--forget-refusal')
  t.equal(await refusal(), null)
  await mustRun(service, 'provider', 'test', 'odd')
  await mustRun(service, 'provider', 'set', 'odd', '--max-connections', '3', ...way)
  t.not(await refusal(), null, 'the same host and port')
  await mustRun(service, 'provider', 'set', 'odd', '--port', '1')
  t.equal(await refusal(), null, 'another server')
})

t.test('a server that lets anybody in fails loudly', async (t) => {
  await using old = await startScriptedImap(
    scripted({ signIn: ({ connection, tag }) => connection.say(`${tag} OK welcome\r\n`) }),
  )
  await mustRun(service, 'provider', 'add', 'open', '--host', '127.0.0.1', '--port', `${old.port}`, '--tls', 'none')
  const { exitCode, stdout } = await service.run(['provider', 'test', 'open'])
  t.equal(exitCode, 69)
  t.match(stdout, /^fail +refusal +it accepted a random name and password.*\n +what to do: /m)
})

t.end()
