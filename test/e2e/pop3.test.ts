import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { freePort } from '../support/loopback.ts'
import { startCourier, startCyrus } from '../support/old-servers.ts'
import { uidlsOf } from '../support/pop3.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

// What a POP3 program that leaves mail on the server has noted of each message: after the flip it finds it here.

const ANNA = 'anna@old.example'
const PASSWORD = 'a password'
const KEY = 'the key of doveadm'
const [newest, before] = bothDebians() as [Debian, Debian]

type Old = { readonly port: number; readonly pop3Port: number } & AsyncDisposable

const pop3 = (
  { dovecot }: Debian,
  port: number,
) => `${dovecot === '2.3' ? 'protocols = imap pop3' : 'protocols {\n  pop3 = yes\n}'}
service pop3-login {
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}`

async function startDovecotWithPop3(people: Record<string, string>): Promise<Old> {
  const pop3Port = await freePort()
  return { ...(await startSource({ people, configuration: pop3(before, pop3Port) })), pop3Port }
}

const OLD = [
  { old: 'Dovecot', start: startDovecotWithPop3, uidl: [], debian: newest, isKept: true },
  { old: 'Cyrus', start: startCyrus, uidl: ['--pop3-uidl', 'cyrus'], debian: newest, isKept: true },
  { old: 'Cyrus', start: startCyrus, uidl: ['--pop3-uidl', 'cyrus'], debian: before, isKept: true },
  // Its POP3 numbers are its own, and IMAP tells nothing of them.
  { old: 'Courier', start: startCourier, uidl: [], debian: before, isKept: false },
] as const

for (const { old, start, uidl, debian, isKept } of OLD) {
  const what = isKept ? 'knows all messages' : 'downloads all messages once more'
  t.test(`who comes from a ${old} to a Dovecot ${debian.dovecot} ${what}`, async (t) => {
    await using server = await start({ [ANNA]: PASSWORD })
    await flips(t, server, debian, uidl, isKept)
  })
}

async function flips(t: Test, old: Old, debian: Debian, uidl: readonly string[], isKept: boolean): Promise<void> {
  await using held = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'postferry-pop3-'))
  held.defer(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'key'), KEY)
  const homeRoot = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  held.defer(() => rmSync(homeRoot, { recursive: true, force: true }))
  const ports = { doveadm: await freePort(), pop3: await freePort() }
  const service = held.use(
    await startService({
      POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${ports.doveadm}`,
      POSTFERRY_DOVEADM_KEY_FILE: join(folder, 'key'),
      POSTFERRY_HOME: `${homeRoot}/%d/%n`,
    }),
  )
  const where = ['--host', '127.0.0.1', '--port', `${old.port}`, '--pop3-port', `${old.pop3Port}`, '--tls', 'none']
  const how = ['--cutover', 'proxied', '--flip', 'manual', '--engine', 'doveadm', ...uidl]
  await mustRun(service, 'provider', 'add', 'old', ...where, ...how)
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
  held.use(
    await startNew({
      ...{ passdb: 'lua', url: service.url, token: service.token, homeRoot, debian },
      ...{ proxy: { port: ports.doveadm, key: KEY }, configuration: pop3(debian, ports.pop3) },
    }),
  )
  const program = { port: ports.pop3, user: ANNA, password: PASSWORD }
  const atOld = { host: '127.0.0.1', port: old.port, user: ANNA, password: PASSWORD }
  {
    await using wire = await ImapWire.open(atOld)
    const append = async (name: string) =>
      await wire.command(
        'APPEND INBOX () ',
        Buffer.from(`From: ben@old.example\r\nSubject: ${name}\r\n\r\n${name}\r\n`),
      )
    for (const name of ['one', 'two', 'three', 'four']) await append(name)
    await wire.command('SELECT INBOX')
    await wire.command('STORE 2 +FLAGS (\\Deleted)')
    await wire.command('EXPUNGE')
    await append('five')
  }
  const known = await uidlsOf(program)
  t.same(known, await uidlsOf({ ...program, port: old.pop3Port }), 'before the flip it is the old server that says so')
  t.same([...known.keys()], ['one', 'three', 'four', 'five'])
  const sync = startSync(service, [], {}, debian)
  held.defer(() => sync.kill('SIGKILL'))
  const shown = () => rows(service, 'migration', 'show', ANNA)
  await until(async () => (await shown()).ready, 'the mirror is ready')
  await mustRun(service, 'migration', 'flip', ANNA)
  await until(async () => (await shown()).route === 'destination', 'the flip')
  const here = await uidlsOf(program)
  t.same([...here.keys()], [...known.keys()])
  if (isKept) t.same(here, known)
  else
    t.same(
      [...here.values()].filter((one) => [...known.values()].includes(one)),
      [],
    )
  sync.kill('SIGTERM')
  t.equal(await sync.end, 0, sync.stderr)
}
