import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { freePort } from '../support/loopback.ts'
import { startPostfix } from '../support/postfix.ts'
import { query } from '../support/query.ts'
import { Smtp } from '../support/smtp.ts'
import { SocketmapClient } from '../support/socketmap-client.ts'
import { until } from '../support/until.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'postferry-maps-'))
const SOCKET = join(FOLDER, 'postferry/socketmap.sock')
const PORT = await freePort()
// The lines that an administrator takes, with the socket of this test: seen from the queue directory, too. Nobody is asked at
// an old server here.
const MAPS = readFileSync(join(import.meta.dirname, '../../deploy/postfix/postferry-maps.cf'), 'utf8')
  .replaceAll('unix:postferry/', `unix:../../${basename(FOLDER)}/postferry/`)
  .replace('reject_unverified_recipient', '')

let ferry: Ferry
t.before(async () => {
  // As deploy/postfix says it: what postferry makes in there belongs to Postfix's group.
  execFileSync('chmod', ['755', FOLDER])
  execFileSync('install', ['-d', '-g', 'postfix', '-m', '2750', join(FOLDER, 'postferry')])
  ferry = await startFerry(
    { 'anna@renamed.example': 'pw of anna', 'bert@old.example': 'pw of bert' },
    {
      ...{ POSTFERRY_SOCKETMAP_SOCKET: SOCKET, POSTFERRY_SOCKETMAP_PORT: `${PORT}` },
      POSTFERRY_RECIPIENT_DELIMITER: '+',
    },
  )
  const { service } = ferry
  await service.passdb('anna@renamed.example', 'pw of anna')
  await service.passdb('bert@old.example', 'pw of bert')
  await mustRun(service, 'alias', 'add', 'sales@new.example', '--target', 'anna@new.example')
  await mustRun(service, 'alias', 'add', 'sales@new.example', '--target', 'bert@old.example')
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  rmSync(FOLDER, { recursive: true })
})

/** What `postmap -q` prints of a map, and how it ends: 1 is "not found". */
async function postmap(debian: Debian, key: string, map: string, place = `unix:${SOCKET}`) {
  const [program = '', ...args] = [...debian.enter, '/usr/sbin/postmap', '-q', key, `socketmap:${place}:${map}`]
  const child = spawn(program, args)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => (stdout += data))
  child.stderr.on('data', (data) => (stderr += data))
  await once(child, 'close')
  return { exitCode: child.exitCode, found: stdout.trimEnd(), stderr }
}

const NOT_FOUND = { exitCode: 1, found: '', stderr: '' }

for (const debian of bothDebians()) {
  t.test(`postmap of Debian ${debian.release}`, async (t) => {
    const found = async (key: string, map: string) => (await postmap(debian, key, map)).found
    t.equal(await found('NEW.example', 'domain'), 'new.example')
    t.equal(await found('renamed.example', 'domain'), 'renamed.example')
    t.same(await postmap(debian, 'elsewhere.example', 'domain'), NOT_FOUND)
    t.equal(await found('anna+x@renamed.example', 'recipient'), 'anna@new.example')
    t.equal(await found('anna@renamed.example', 'alias'), 'anna@new.example')
    t.equal(await found('sales@new.example', 'alias'), 'anna@new.example, bert@old.example')
    t.equal(await found('sales@renamed.example', 'sender_login'), 'anna@new.example, bert@old.example')
    for (const key of ['x@elsewhere.example', 'nonsense', '@new.example'])
      t.same(await postmap(debian, key, 'recipient'), NOT_FOUND)
    t.match(await postmap(debian, 'x@old.example', 'recipient'), { exitCode: 1, stderr: /no mail exchanger/ })
    t.match(await postmap(debian, 'x', 'nonsense'), { exitCode: 1, stderr: /the maps are domain, recipient/ })
    t.equal(
      (await postmap(debian, 'bert@old.example', 'recipient', `inet:127.0.0.1:${PORT}`)).found,
      'bert@old.example',
    )
  })
}

t.test('only its owner and its group may ask', async (t) => {
  const { mode, gid } = statSync(SOCKET)
  t.equal(mode & 0o777, 0o660)
  t.equal(gid, statSync(join(FOLDER, 'postferry')).gid)
})

t.test('a Postfix takes mail for whom postferry names, refuses others, and tries again later', async (t) => {
  await mustRun(ferry.service, 'provider', 'set', 'old', '--mx', 'mx.old.example')
  t.teardown(() => mustRun(ferry.service, 'provider', 'set', 'old', '--no-mx'))
  await query(
    ferry.service.dataDir,
    `insert into account (address, password_hash, password_source, home) values ('own@own.example', 'x', 'destination', '/own')`,
  )
  await using postfix = await startPostfix({
    // Whoever asks is a stranger.
    mainCf: `recipient_delimiter = +\nmynetworks = 192.0.2.1\n${MAPS}`,
  })
  const ask = async (recipient: string) => {
    await using smtp = await Smtp.open(postfix.port)
    return await smtp.verify(recipient)
  }
  for (const taken of [
    'anna@new.example',
    'anna+x@new.example',
    'anna@renamed.example',
    'sales@new.example',
    'own@own.example',
  ])
    t.match(await ask(taken), /^252 /, taken)
  t.match(await ask('not.here.yet@old.example'), /^252 /, 'the old server is to be asked')
  t.match(await ask('nobody@own.example'), /^550 5\.1\.1 /)
  t.match(await ask('x@elsewhere.example'), /^[45]54 /, 'no relay')
  await counted(t)
  await ferry.service.stop()
  t.match(await ask('anna@new.example'), /^451 4\.3\./, 'while postferry is away')
  t.match(await postmap(bothDebians()[1] as Debian, 'anna@new.example', 'recipient'), { exitCode: 1, stderr: /\S/ })
  await ferry.service.start()
  t.match(await ask('anna@new.example'), /^252 /, 'and then as before')
})

async function counted(t: Test): Promise<void> {
  const only = await until(async () => {
    const found = await rows(ferry.service, 'report', '--only-at-source')
    return found.length > 0 && found
  }, 'what only the old server takes is counted')
  t.match(only, [{ address: 'not.here.yet@old.example', messages: 1 }])
  t.equal(only.length, 1)
  t.match(
    await mustRun(ferry.service, 'report', '--only-at-source', '--csv'),
    /^address,messages,.*\r\nnot\.here\.yet@/,
  )
}

t.test('without its database postferry says that it cannot tell, and then it can', async (t) => {
  await using client = await SocketmapClient.open(SOCKET)
  await query(ferry.service.dataDir, 'alter table account rename to account_away')
  t.match(await client.askAll(['recipient anna@new.example', 'domain new.example', 'recipient nonsense']), [
    /^TEMP /,
    /^TEMP /,
    /^NOTFOUND $/,
  ])
  await query(ferry.service.dataDir, 'alter table account_away rename to account')
  t.equal(await client.ask('recipient anna@new.example'), 'OK anna@new.example')
})

t.end()
