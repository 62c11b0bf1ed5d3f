import { join } from 'node:path'
import t, { type Test } from 'tap'
import { certificates } from '../support/certificates.ts'
import { bothDebians, type Debian, debian } from '../support/debian.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { freePort } from '../support/loopback.ts'
import { type MailServers, startMailServers } from '../support/mail-servers.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { putByManageSieve, putScripts, withManageSieve, withSieve } from '../support/managesieve.ts'
import { startCyrus } from '../support/old-servers.ts'
import { PROVIDER } from '../support/provider.ts'
import { runProgram } from '../support/service.ts'
import { type Sync, startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

// Sieve scripts of people who are proxied, from a Dovecot's ManageSieve or a Cyrus' timsieved to a real Pigeonhole.

const ANNA = 'anna@old.example'
const BEN = 'ben@old.example'
const PASSWORDS = { [ANNA]: 'pw of anna', [BEN]: 'pw of ben' }
/** As Cyrus 3.6 lists it, and wants to hear it. */
const CYRUS_NAME = '=?UTF-8?Q?f=C3=BCr_alle?= ACTIVE'

type Servers = MailServers<unknown>

const filing = (folder: string) =>
  `require ["fileinto", "mailbox"];\r\nif header :contains "subject" "file" { fileinto :create "${folder}"; }\r\n`

for (const debian of bothDebians()) {
  t.test(`filters go along to a Dovecot ${debian.dovecot}`, async (t) => {
    const sievePort = await freePort()
    await using world = await startMailWorld({
      ...{ debian, people: PASSWORDS, isProxied: true, trusted: '127.0.0.1' },
      ...{ old: withManageSieve({ dovecot: '2.3' }, sievePort), new: withSieve(debian) },
    })
    const { service, old } = world.ferry
    await mustRun(service, 'provider', 'set', 'old', '--sieve-port', `${sievePort}`)
    await mustRun(service, 'provider', 'approve', 'old')
    putScripts(old.home(ANNA), { main: filing('Filed'), other: 'keep;\n' }, 'main', old.mailOwner)
    // As of another Pigeonhole, which knows more.
    putScripts(old.home(BEN), { own: 'require "vnd.example.nothing";\n', main: filing('Filed') }, 'own', old.mailOwner)
    for (const [person, password] of Object.entries(PASSWORDS)) await world.signIn(person, password)
    const sync = startSync(service, [], {}, debian)
    await t.test('to whom they can go, and mail is filed', (t) => goes(t, world, debian, sync))
    await t.test('who has one that cannot, waits for an administrator', (t) => stays(t, world))
    sync.kill('SIGTERM')
    t.equal(await sync.end, 0, sync.stderr)
  })
}

t.test('filters go along from a Cyrus, and file into the folders as they are called there', async (t) => {
  const newest = debian(13)
  const { server: tls } = await certificates()
  const old = await startCyrus({ [ANNA]: PASSWORDS[ANNA] }, { tls })
  const secured = ['--tls', 'starttls', '--ca-file', tls.ca]
  const where = ['--host', '127.0.0.1', '--port', `${old.port}`, ...secured, '--sieve-port', `${old.sievePort}`]
  await using world = await startMailServers(
    { server: old, where, delivery: old.delivery },
    { debian: newest, people: PASSWORDS, isProxied: true, trusted: '127.0.0.1', new: withSieve(newest) },
  )
  const { service } = world.ferry
  t.match(await world.signIn(ANNA, PASSWORDS[ANNA]), /^OK /)
  const provider = { ...PROVIDER, tls: 'starttls', caFile: tls.ca } as const
  await putByManageSieve(provider, old.sievePort, [ANNA, PASSWORDS[ANNA]], {
    other: 'keep;\r\n',
    '"quoted"': 'keep;\r\n',
    'für alle': filing('INBOX.Filed'),
  })
  const sync = startSync(service, [], {}, newest)
  const { attempts } = await is(world, ANNA, ({ ready }) => ready)
  t.match(attempts[0].output, /^the filter "" does not come: the old server does not hand it over$/m)
  t.same(await listed(world, newest), [CYRUS_NAME, 'other'])
  await mustRun(service, 'migration', 'flip', ANNA)
  await is(world, ANNA, ({ route }) => route === 'destination')
  await world.send('file this', [ANNA])
  await world.isQuiet()
  t.equal(await exists(world, 'INBOX.Filed'), '* 1 EXISTS')
  sync.kill('SIGTERM')
  t.equal(await sync.end, 0, sync.stderr)
})

async function goes(t: Test, world: MailWorld, debian: Debian, sync: Sync): Promise<void> {
  const { service, old } = world.ferry
  await is(world, ANNA, ({ ready }) => ready)
  t.same(await listed(world, debian), ['main ACTIVE', 'other'])
  putScripts(old.home(ANNA), { main: filing('Elsewhere') }, 'main', old.mailOwner)
  await mustRun(service, 'migration', 'flip', ANNA)
  await is(world, ANNA, ({ route }) => route === 'destination')
  await world.send('file this', [ANNA])
  await world.isQuiet()
  t.equal(await exists(world, 'Elsewhere'), '* 1 EXISTS', 'by the script as it was at the flip')

  const home = join(world.dovecot.mailRoot, 'old.example/anna')
  putScripts(home, { main: filing('Hers') }, 'main', world.dovecot.mailOwner)
  putScripts(old.home(ANNA), { main: filing('Late') }, 'main', old.mailOwner)
  const before = sync.events.length
  await mustRun(service, 'migration', 'retry', ANNA)
  await until(
    () => sync.events.slice(before).some(({ event, address }) => event === 'ended' && address === ANNA),
    'a job',
  )
  t.match(await scriptHere(world, debian, 'main'), /"Hers"/, 'what she makes here stays')
}

async function stays(t: Test, world: MailWorld): Promise<void> {
  const { service } = world.ferry
  const says = ({ output }: { output: string | null }) =>
    /"own" does not come: .*vnd\.example\.nothing/.test(output ?? '')
  const kept = await is(world, BEN, ({ code, attempts }) => code === 'filters-stay' && attempts.some(says))
  t.match(kept, { state: 'pending', ready: false, remedy: /leave-filters/ })
  const refused = await service.run(['migration', 'leave-filters', ANNA])
  t.match(refused, { exitCode: 65, stderr: /no filters keep the person/ })
  await mustRun(service, 'migration', 'leave-filters', BEN, '--reason', 'she knows')
  await is(world, BEN, ({ ready }) => ready)
  t.match(await rows(service, 'audit', 'list', '--subject', BEN), [
    { action: 'migration.leave-filters', reason: 'she knows' },
  ])
  await mustRun(service, 'migration', 'flip', BEN)
  t.match(await is(world, BEN, ({ route }) => route === 'destination'), { code: null })
}

/** As Dovecot says it. */
async function exists({ dovecot }: Servers, folder: string): Promise<string | undefined> {
  const account = { host: 'localhost', port: dovecot.port, user: ANNA, password: PASSWORDS[ANNA] }
  await using wire = await ImapWire.open(account)
  return (await wire.command(`EXAMINE ${folder}`)).map(({ line }) => line).find((line) => line.endsWith(' EXISTS'))
}

// biome-ignore lint/suspicious/noExplicitAny: a row of any shape
async function is(world: Servers, person: string, fits: (migration: any) => boolean) {
  let last: unknown
  try {
    return await until(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: the same
      const migration: any = await rows(world.ferry.service, 'migration', 'show', person)
      last = migration
      return fits(migration) && migration
    }, `what is waited for of ${person}`)
  } catch (error) {
    console.error(JSON.stringify({ ...(last as object), ledger: null, audit: null }, null, 1))
    throw error
  }
}

async function listed(world: Servers, debian: Debian): Promise<string[]> {
  const { stdout } = await sieve(world, debian, 'list')
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .sort()
}

async function scriptHere(world: Servers, debian: Debian, name: string): Promise<string> {
  return (await sieve(world, debian, 'get', name)).stdout
}

function sieve({ dovecot }: Servers, { enter }: Debian, command: string, ...args: string[]) {
  const [program = '', ...rest] = [
    ...enter,
    'doveadm',
    '-c',
    dovecot.configurationFile,
    'sieve',
    command,
    '-u',
    ANNA,
    ...args,
  ]
  return runProgram(program, rest, { PATH: process.env.PATH })
}
