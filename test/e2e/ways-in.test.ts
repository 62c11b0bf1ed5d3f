import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bothDebians } from '../support/debian.ts'
import { type Passdb, passdbsOf, startNew } from '../support/destination.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

// Each person's first sign-in, by whatever way they came into the system: the first one has to succeed.

const FILE = `address,old_username,old_password
karl@old.example,,
lena@renamed.example,,
mia@old.example,mia.old,
nora@old.example,,pw of nora
otto@renamed.example,,not his password
gone@old.example,,
back@again.example,,
`

/** Whoever is finished of these is before the sign-in below; `again.example` opens finished migrations again. */
const FINISHED = ['gone@old.example', 'back@again.example', 'done@old.example', 'open@again.example']

const IN: readonly [way: string, address: string, oldUsername: string, userAfterwards?: string][] = [
  ['unknown', 'ulla@old.example', 'ulla@old.example'],
  ['unknown, of a renamed domain', 'uwe@renamed.example', 'uwe@renamed.example', 'uwe@new.example'],
  ['unknown, by the new address', 'udo@new.example', 'udo@renamed.example'],
  ['awaited', 'karl@old.example', 'karl@old.example'],
  ['awaited under a renamed domain', 'lena@renamed.example', 'lena@renamed.example', 'lena@new.example'],
  ['awaited under an old user name', 'mia@old.example', 'mia.old'],
  ['imported with password', 'nora@old.example', 'nora@old.example'],
  ['imported with a wrong password', 'otto@new.example', 'otto@renamed.example'],
  ['reopened without ever having come', 'back@again.example', 'back@again.example'],
  ['reopened', 'open@again.example', 'open@again.example'],
  ['finished', 'done@old.example', 'done@old.example'],
]
const PEOPLE = Object.fromEntries([
  ...IN.map(([, , oldUsername]) => [oldUsername, `pw of ${oldUsername.split(/[@.]/)[0]}`]),
  ['gone@old.example', 'pw of gone'],
])

const PASSDBS = bothDebians().flatMap((debian) => passdbsOf(debian).map((name) => ({ debian, name })))

for (const { debian, name } of PASSDBS) {
  t.test(
    `everybody's first sign-in is right, whatever way they came, at ${debian.dovecot} through ${name}`,
    async (t) => {
      await using world = await ferryWithEverybody()
      await using dovecot = await startNew({ ...world.passdbs[name], debian, homeRoot: world.homeRoot })
      const enter = (address: string, password: string) => signIn(dovecot.port, address, password)
      for (const [way, address, oldUsername, user = address] of IN) {
        t.match(await enter(address, PEOPLE[oldUsername] ?? ''), /^OK /, way)
        await until(() => dovecot.log().includes(`user=<${user}>`), `${way}: the session is theirs`)
      }
      t.match(await enter('karl@old.example', 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/, 'a wrong password')
      t.match(await enter('gone@old.example', 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/, 'closed: a wrong password')
      t.match(await enter('gone@old.example', 'pw of gone'), /^NO \[AUTHENTICATIONFAILED\]/, 'closed')
    },
  )
}

async function ferryWithEverybody() {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(folder, 0o711)
  const homeRoot = join(folder, 'mail')
  const { old, service, ...ferry } = await startFerry(PEOPLE, { POSTFERRY_HOME: `${homeRoot}/%d/%n` })
  const run = (...args: string[]) => mustRun(service, ...args)
  await run(
    'provider',
    'add',
    'again',
    '--host',
    'localhost',
    '--port',
    `${old.tlsPort}`,
    '--ca-file',
    old.ca,
    '--reopens',
  )
  await run('domain', 'add', 'again.example', '--provider', 'again')
  const file = join(service.dataDir, 'people.csv')
  writeFileSync(file, FILE)
  await run('import', file)
  for (const address of ['done@old.example', 'open@again.example']) {
    const { status } = await service.passdb(address, PEOPLE[address] ?? '')
    if (status !== 200) throw new Error(`${address} is not let in: ${status}`)
  }
  for (const address of FINISHED) await run('migration', 'finish', address, '--force')
  // Dovecot's own users ask on the socket.
  chmodSync(service.dataDir, 0o711)
  chmodSync(service.socket, 0o666)
  const { url, token, socket } = service
  return {
    homeRoot,
    passdbs: {
      lua: { passdb: 'lua', url, token },
      'lua-unix': { passdb: 'lua-unix', socket },
      checkpassword: { passdb: 'checkpassword', socket },
    } satisfies Record<Passdb['passdb'], Passdb>,
    async [Symbol.asyncDispose]() {
      await ferry[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

t.end()
