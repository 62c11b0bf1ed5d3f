import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { serverUser } from '../../src/db/embedded/server-user.ts'
import { OWN } from './debian.ts'
import { freePort } from './loopback.ts'
import { HANG_MS } from './until.ts'

const VERSION = OWN.release === 12 ? 15 : 17
const BIN = `/usr/lib/postgresql/${VERSION}/bin`
const WAITING = `select from pg_stat_activity where application_name = 'postferry' and wait_event_type = 'Lock'`

/** Debian's PostgreSQL, 15 or 17, on a loopback port, with a password. */
export interface DebianPostgres extends AsyncDisposable {
  readonly url: string
  readonly password: string
  query(text: string): Promise<pg.QueryResult>
  /** Locks a table until disposed of. */
  hold(table: string): Promise<AsyncDisposable>
  /** Resolves when so many statements of postferry wait for a lock. */
  waiting(count: number): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  /** It accepts connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
}

export async function startDebianPostgres(): Promise<DebianPostgres> {
  if (!existsSync(`${BIN}/postgres`)) {
    throw new Error(`PostgreSQL is missing: apt-get install -y --no-install-recommends postgresql-${VERSION}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'postferry-postgres-'))
  const { uid, gid, isSelf } = serverUser(join(folder, 'data'), folder)
  const as = isSelf ? {} : { uid, gid }
  const password = 'database-secret-7Q'
  const port = await freePort()
  const url = `postgresql://ferry:${password}@127.0.0.1:${port}/postgres`
  writeFileSync(join(folder, 'password'), password)
  if (!isSelf) for (const path of [folder, join(folder, 'password')]) chownSync(path, uid, gid)
  const made = spawnSync(
    `${BIN}/initdb`,
    ['-D', 'data', '-U', 'ferry', '--auth=scram-sha-256', '--pwfile=password', '-E', 'UTF8', '--no-locale', '-N'],
    { cwd: folder, encoding: 'utf8', ...as },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  let server: ChildProcess | undefined

  async function query(text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    return await client.query(text).finally(() => client.end())
  }

  async function hold(table: string): Promise<AsyncDisposable> {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    await client.query(`begin; lock table ${table} in access exclusive mode`)
    return { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) }
  }

  async function waiting(count: number): Promise<void> {
    const deadline = Date.now() + HANG_MS
    while ((await query(WAITING)).rowCount !== count) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${count} statements that wait for a lock`)
      await wait(20)
    }
  }

  async function start(): Promise<void> {
    const options = [`-p${port}`, '-clisten_addresses=127.0.0.1', '-cunix_socket_directories=', '-cfsync=off']
    server = spawn(`${BIN}/postgres`, ['-D', 'data', ...options], { cwd: folder, stdio: 'ignore', ...as })
    // tap ends a test file, and so stops this server, only when nothing else keeps the process alive.
    server.unref()
    const deadline = Date.now() + HANG_MS
    while (
      !(await query('select 1').then(
        () => true,
        () => false,
      ))
    ) {
      if (Date.now() > deadline || server.exitCode !== null) throw new Error('PostgreSQL did not start')
      await wait(20)
    }
  }

  async function stop(): Promise<void> {
    if (server === undefined || server.exitCode !== null) return
    server.ref()
    server.kill('SIGINT')
    await once(server, 'exit')
  }

  function signal(name: NodeJS.Signals): void {
    const pid = server?.pid ?? 0
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    for (const each of [pid, ...children.map(Number)]) {
      try {
        process.kill(each, name)
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  await start()
  return {
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    url,
    password,
    query,
    hold,
    waiting,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true })
    },
  }
}
