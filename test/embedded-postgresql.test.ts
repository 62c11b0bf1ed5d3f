import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { serverUser } from '../src/db/embedded/server-user.ts'
import { COMPILED } from './support/compiled.ts'
import { EMBEDDED } from './support/program.ts'
import { runPostferry } from './support/service.ts'

const NOBODY = 65_534

const folder = mkdtempSync(join(tmpdir(), 'postferry-own-service-'))
t.after(() => rmSync(folder, { recursive: true }))
const dataDir = join(folder, 'data')
const socketFolder = join(folder, 'socket')
for (const each of [dataDir, socketFolder]) mkdirSync(each)
// For root, whom PostgreSQL refuses, the one that it makes for itself.
const { uid, gid, isSelf } = serverUser(dataDir, folder)
for (const each of [folder, dataDir, socketFolder]) chownSync(each, uid, gid)
chmodSync(folder, 0o755)

const environment = { PATH: process.env.PATH, ...COMPILED, POSTFERRY_PORT: '0' }
const commands = {
  ...environment,
  POSTFERRY_DATA_DIR: join(folder, 'another'),
  DATABASE_URL: `postgresql:///postferry?host=${socketFolder}&user=postferry`,
}

t.test('it becomes the PostgreSQL of the data directory, for its user, its group and root alone', async (t) => {
  const waiting = runPostferry(['upgrade', '--wait', '120'], commands)
  const server = start(socketFolder)
  t.match(await waiting, { exitCode: 0, stdout: /^applied 0001_first_ferry\.sql\b/, stderr: '' })
  const again = await runPostferry(['upgrade'], commands)
  t.match(again, { exitCode: 0, stdout: 'nothing to do\n' }, 'who stops using it leaves it running')
  if (!isSelf) {
    chmodSync(join(socketFolder, '.s.PGSQL.5432'), 0o777)
    t.match(await askAs(NOBODY), /^FATAL.*Peer authentication failed/m)
    t.equal(await askAs(uid), 'postferry\n')
  }
  server.kill('SIGINT')
  t.same(await once(server, 'exit'), [0, null], 'it is the process that was started')
})

t.test('without a folder for the socket it says how to start it', async (t) => {
  for (const args of [[], ['relative'], [socketFolder, 'more']]) {
    t.same(await once(start(...args), 'exit'), [64, null], JSON.stringify(args))
  }
})

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', EMBEDDED, ...args], {
    env: { ...environment, POSTFERRY_DATA_DIR: dataDir },
    stdio: 'ignore',
    ...(isSelf ? {} : { uid, gid }),
  })
}

/** Whom the database takes this user for, or what it says instead. */
async function askAs(user: number): Promise<string> {
  const ask = `import pg from 'pg'
    const client = new pg.Client({ connectionString: process.env.DATABASE_URL })
    await client.connect().catch((error) => { console.log(error.severity, error.message); process.exit() })
    console.log((await client.query('select current_user as me')).rows[0].me)
    await client.end()`
  const asking = spawn(process.execPath, ['--input-type=module', '-e', ask], {
    ...{ uid: user, gid: user, env: commands, cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  })
  return (await asking.stdout.setEncoding('utf8').toArray()).join('')
}
