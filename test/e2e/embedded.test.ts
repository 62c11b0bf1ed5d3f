import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { serverPid } from '../../src/db/embedded/cluster.ts'
import { type EmbeddedPostgres, openEmbedded } from '../../src/db/embedded/postgres.ts'
import { serverUser } from '../../src/db/embedded/server-user.ts'
import { lockFolder } from '../../src/files/lock.ts'
import { until } from '../support/until.ts'

/** Takes the lock of a folder and keeps it; or says that it is busy. */
const HOLDER = `
  import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, '../../src/files/lock.ts'))}
  const lock = await lockFolder(process.argv[1], 'test')
  process.stdout.write(lock === null ? 'busy' : 'held')
  if (lock !== null) setInterval(() => undefined, 1000)`

function folder(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), 'postferry-embedded-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

async function query(server: EmbeddedPostgres, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client(server.connection)
  client.on('error', () => undefined)
  await client.connect()
  return await client.query(text).finally(() => client.end())
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('several users share one server, and the last one stops it', async (t) => {
  const dataDir = folder(t)
  const [first, second] = await Promise.all([openEmbedded(dataDir), openEmbedded(dataDir)])
  const pid = serverPid(dataDir)
  await query(first, 'create table kept as select 42 as answer')
  await first[Symbol.asyncDispose]()
  t.ok(isAlive(pid), 'it lives while somebody uses it')
  t.equal((await query(second, 'select answer from kept')).rows[0].answer, 42)
  await second[Symbol.asyncDispose]()
  t.notOk(isAlive(pid))
  await using third = await openEmbedded(dataDir)
  t.equal((await query(third, 'select answer from kept')).rows[0].answer, 42, 'and starts again with what it held')
})

t.test('a server that was killed is started again', async (t) => {
  const dataDir = folder(t)
  await using server = await openEmbedded(dataDir)
  await query(server, 'create table kept as select 42 as answer')
  const pid = serverPid(dataDir)
  process.kill(pid, 'SIGKILL')
  const kept = () => query(server, 'select answer from kept').catch(() => undefined)
  t.match((await until(kept, 'it comes back')).rows, [{ answer: 42 }])
  t.not(serverPid(dataDir), pid)
})

t.test('a server that is frozen does not hold who leaves it', async (t) => {
  const dataDir = folder(t)
  const server = await openEmbedded(dataDir)
  const pid = serverPid(dataDir)
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  const signal = (name: NodeJS.Signals) => [pid, ...children].map((each) => process.kill(each, name))
  signal('SIGSTOP')
  try {
    await server[Symbol.asyncDispose]()
  } finally {
    signal('SIGCONT')
  }
  t.ok(isAlive(pid), 'nobody could tell whether it is used')
  await using next = await openEmbedded(dataDir)
  t.equal((await query(next, 'select 1 as one')).rows[0].one, 1, 'the next user finds it')
})

t.test('a folder that others cannot enter, and a path longer than a socket’s name, are fine', async (t) => {
  const outer = folder(t)
  const deep = join(outer, 'x'.repeat(100), 'data')
  mkdirSync(deep, { recursive: true })
  chmodSync(outer, 0o700)
  await using server = await openEmbedded(deep)
  t.equal((await query(server, 'select 1 as one')).rows[0].one, 1)
})

t.test('a folder is locked by one process at a time', async (t) => {
  const locked = folder(t)
  const first = await lockFolder(locked, 'test')
  t.ok(first)
  t.equal(await lockFolder(locked, 'test'), null)
  first?.[Symbol.dispose]()
  await wait(0)
  const again = await lockFolder(locked, 'test')
  t.ok(again)
  again?.[Symbol.dispose]()
})

t.test('a lock is the folder’s own: no other user, no other network, and no dead process keeps it', async (t) => {
  const locked = folder(t)
  const { dev, ino } = statSync(locked)
  const squatter = createServer().listen(`\0postferry/test/${dev}-${ino}`)
  await once(squatter, 'listening')
  t.after(() => squatter.close())
  const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, locked], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  t.equal(await lockFolder(locked, 'test'), null)
  const elsewhere = spawnSync('unshare', [
    '--map-root-user',
    '--net',
    process.execPath,
    '--input-type=module',
    '-e',
    HOLDER,
    locked,
  ])
  t.equal(elsewhere.stdout.toString(), 'busy', elsewhere.stderr.toString())
  t.equal(statSync(join(locked, 'test.lock')).mode & 0o777, 0o600)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  using again = await lockFolder(locked, 'test')
  t.ok(again)
})

t.test('whoever reaches the database is no superuser, and can become none', async (t) => {
  const dataDir = folder(t)
  await using server = await openEmbedded(dataDir)
  const { rows } = await query(server, 'select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = user')
  t.same(rows, [{ rolsuper: false, rolcreaterole: false, rolcreatedb: false }])
  await t.rejects(query(server, `copy (select 1) to program 'true'`), { code: '42501' })
  await t.rejects(query(server, `select pg_read_file('pg_hba.conf')`), { code: '42501' })
  const superuser = new pg.Client({ ...server.connection, user: 'postgres' })
  superuser.on('error', () => undefined)
  await t.rejects(superuser.connect(), { code: '28000' }, 'over no connection')
})

/** No directory service knows this one. */
const STRANGER = 54_321
const isRoot = process.getuid?.() === 0

t.test('for root, PostgreSQL runs as a user of its own, or as who owns the data directory', async (t) => {
  const userOf = (dataDir: string) => statSync(`/proc/${serverPid(dataDir)}`).uid
  const own = folder(t)
  {
    await using _ = await openEmbedded(own)
    t.equal(userOf(own), isRoot ? uidOf('postferry') : process.getuid?.())
  }
  if (!isRoot) return
  const nobodys = join(own, 'postgres')
  execFileSync('chown', ['-R', 'nobody', nobodys])
  {
    await using server = await openEmbedded(own)
    t.equal(userOf(own), uidOf('postferry'), "never as nobody, who is everybody's")
    t.equal((await query(server, 'select 1 as one')).rows[0].one, 1)
  }
  const given = folder(t)
  chownSync(given, uidOf('games'), 0)
  await using _ = await openEmbedded(given)
  t.equal(userOf(given), uidOf('games'))
  const files = readdirSync(given).filter((name) => /\.(log|lock)$/.test(name))
  t.ok(files.length > 1)
  t.same(
    [...new Set(files.map((name) => statSync(join(given, name)).uid))],
    [uidOf('games')],
    'for when that one comes',
  )
})

t.test('a cluster stays with its owner, also one who does not stand in /etc/passwd', async (t) => {
  const dataDir = folder(t)
  const cluster = join(dataDir, 'postgres')
  mkdirSync(cluster)
  if (!isRoot) return t.match(serverUser(cluster, dataDir), { isSelf: true })
  chownSync(cluster, STRANGER, STRANGER)
  t.same(serverUser(cluster, dataDir), { name: String(STRANGER), uid: STRANGER, gid: STRANGER, isSelf: false })
  chownSync(cluster, 0, 0)
  chownSync(dataDir, STRANGER, STRANGER)
  t.match(serverUser(cluster, dataDir), { uid: STRANGER })
  rmSync(cluster, { recursive: true })
  await t.rejects(openEmbedded(dataDir), { message: /initdb failed: .*could not look up effective user ID 54321/s })
  t.same(
    readdirSync(dataDir).filter((name) => name !== 'postgres.lock'),
    [],
    'nothing is made, and nobody else gets it',
  )
})

function uidOf(name: string): number {
  return Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }))
}
