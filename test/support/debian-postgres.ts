import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type ServerUser, serverUser } from '../../src/db/embedded/server-user.ts'
import type { Certificate } from './certificates.ts'
import { type Debian, OWN } from './debian.ts'
import { freePort } from './loopback.ts'
import { HANG_MS } from './until.ts'

const VERSIONS = { 12: 15, 13: 17 } as const
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

export interface PostgresKind {
  readonly debian?: Debian
  /** With it, only TLS is taken, and the URL asks for it. */
  readonly tls?: Certificate
  /** Where it listens, for its whole network; loopback by default. */
  readonly address?: string
}

/** Default: this machine's, without TLS. */
export async function startDebianPostgres(kind: PostgresKind = {}): Promise<DebianPostgres> {
  const { debian = OWN, tls, address = '127.0.0.1' } = kind
  const version = VERSIONS[debian.release]
  const bin = `/usr/lib/postgresql/${version}/bin`
  if (!existsSync(`${debian.root}${bin}/postgres`)) {
    throw new Error(`PostgreSQL is missing: apt-get install -y --no-install-recommends postgresql-${version}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'postferry-postgres-'))
  const user = userIn(debian, folder)
  const password = 'database-secret-7Q'
  const port = await freePort()
  const options = tls === undefined ? '' : `?sslmode=verify-full&sslrootcert=${tls.ca}`
  const url = `postgresql://ferry:${password}@${address}:${port}/postgres${options}`
  const files = ['password', ...(tls === undefined ? [] : ['server.pem', 'server.key'])].map((name) =>
    join(folder, name),
  )
  writeFileSync(join(folder, 'password'), password)
  if (tls !== undefined) {
    copyFileSync(tls.cert, join(folder, 'server.pem'))
    copyFileSync(tls.key, join(folder, 'server.key'))
  }
  if (user !== null) for (const path of [folder, ...files]) chownSync(path, user.uid, user.gid)
  const [program = '', ...before] = [...debian.enter, ...(user === null ? [] : as(user))]
  const command = (name: string, ...args: string[]) =>
    program === '' ? ([`${bin}/${name}`, args] as const) : ([program, [...before, `${bin}/${name}`, ...args]] as const)
  const made = spawnSync(
    ...command('initdb', '-D', 'data', '-U', 'ferry', '--auth=scram-sha-256', '--pwfile=password', ...PLAIN),
    { cwd: folder, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const kindOfLine = tls === undefined ? 'host' : 'hostssl'
  writeFileSync(join(folder, 'data/pg_hba.conf'), `${kindOfLine} all all samenet scram-sha-256\n`)
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
    const settings = [`-p${port}`, `-clisten_addresses=${address}`, '-cunix_socket_directories=', '-cfsync=off']
    const secure = tls === undefined ? [] : TLS
    server = spawn(...command('postgres', '-D', 'data', ...settings, ...secure), { cwd: folder, stdio: 'ignore' })
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

const PLAIN = ['-E', 'UTF8', '--no-locale', '-N']
/** The paths count from the cluster. */
const TLS = ['-cssl=on', '-cssl_cert_file=../server.pem', '-cssl_key_file=../server.key']

type User = Pick<ServerUser, 'uid' | 'gid'>

/** Whom the server has to become; null: it runs as this process does. Another Debian has numbers of its own. */
function userIn({ root }: Debian, folder: string): User | null {
  const user = serverUser(join(folder, 'data'), folder)
  if (root === '' || user.isSelf) return user.isSelf ? null : user
  const line = readFileSync(join(root, 'etc/passwd'), 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('postferry:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

function as({ uid, gid }: User): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
}
