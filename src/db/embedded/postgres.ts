import { existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { lockFolder } from '../../files/lock.ts'
import { breakWhenSilent } from '../connection/stall-timeout.ts'
import { clusterFolder, clusterLog, createCluster, launchServer, serverPid } from './cluster.ts'

/** A PostgreSQL server that lives in the data directory, shared by all postferry processes that use it. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** How this process, and no other, reaches the database `postferry` on it. */
  readonly connection: pg.ClientConfig
}

/** Where the server is, and how to reach and start it. */
interface Location {
  readonly dataDir: string
  readonly maintenance: pg.ClientConfig
  readonly options: Readonly<Record<string, string>>
}

// Every process that uses the server holds this lock shared; who gets it alone is the last one, and stops the server.
const IN_USE = 0x7066_7573 // "pfus"
const POLL_MS = 20
const RETRY_MS = 1_000
const CONNECT_LIMIT_MS = 5_000
const SILENCE_LIMIT_MS = 5_000
const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 30_000
const NOT_RUNNING = ['ENOENT', 'ECONNREFUSED']

/**
 * Joins the running server of this data directory, or makes and starts it. Dispose to leave: the last one out stops it.
 * @param options further settings of PostgreSQL
 */
export async function openEmbedded(dataDir: string, options: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  await makeCluster(dataDir)
  const server = { host: `/proc/self/fd/${openSync(clusterFolder(dataDir), 'r')}`, user: 'postferry' }
  const location = {
    dataDir,
    options,
    maintenance: { ...server, database: 'postgres', connectionTimeoutMillis: CONNECT_LIMIT_MS },
  }
  let leaving = false
  let client = await join(location)

  let returning = Promise.resolve()

  // When the server died, whoever notices first starts it again, as often as it takes.
  async function comeBack(): Promise<void> {
    while (!leaving) {
      try {
        client = await join(location, () => leaving)
        return keepJoined()
      } catch {
        await wait(RETRY_MS)
      }
    }
  }

  function keepJoined(): void {
    // This connection alone does not keep the process alive.
    client.unref()
    client.once('end', () => {
      returning = comeBack()
    })
  }
  keepJoined()

  return {
    connection: { ...server, database: 'postferry' },
    async [Symbol.asyncDispose]() {
      leaving = true
      await returning
      await leave(client, dataDir)
    },
  }
}

/** Makes the cluster when there is none, whoever else is about to. */
export async function makeCluster(dataDir: string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS
  while (!existsSync(clusterFolder(dataDir)) && Date.now() < deadline) {
    using lock = await lockFolder(dataDir, 'postgres')
    if (lock === null) await wait(POLL_MS)
    else await createCluster(dataDir)
  }
}

/** pg's clients have these; its types do not. */
type Client = pg.Client & { ref(): void; unref(): void }

async function join(location: Location, givenUp = () => false): Promise<Client> {
  const deadline = Date.now() + START_LIMIT_MS
  while (Date.now() < deadline && !givenUp()) {
    const client = new pg.Client(location.maintenance)
    client.on('error', () => undefined)
    try {
      await client.connect()
      breakWhenSilent(client, SILENCE_LIMIT_MS)
      if ((await client.query('select pg_try_advisory_lock_shared($1) as mine', [IN_USE])).rows[0].mine)
        return client as Client
      await client.end() // The last user is stopping the server right now.
    } catch (error) {
      if (isNotRunning(error)) await launch(location)
    }
    await wait(POLL_MS)
  }
  throw new Error(
    `PostgreSQL does not start; its log ${clusterLog(location.dataDir)} ends: ${lastLogLine(location.dataDir)}`,
  )
}

/** Starts the server, unless another process is about to. Resolves when it listens, or ended. */
async function launch(location: Location): Promise<void> {
  using lock = await lockFolder(location.dataDir, 'postgres')
  if (lock === null) return
  const ended = (await launchServer(location.dataDir, location.options)).exit.then(() => true)
  while (!(await Promise.race([ended, wait(POLL_MS, false)]))) if (await listens(location)) return
}

async function listens({ maintenance }: Location): Promise<boolean> {
  const client = new pg.Client(maintenance)
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch (error) {
    return !isNotRunning(error)
  }
}

async function leave(client: Client, dataDir: string): Promise<void> {
  try {
    client.ref()
    await client.query('select pg_advisory_unlock_shared($1)', [IN_USE])
    const { rows } = await client.query('select pg_try_advisory_lock($1) as alone', [IN_USE])
    if (rows[0].alone) await stopServer(dataDir)
    await client.end()
  } catch {
    // The server is gone already.
  }
}

async function stopServer(dataDir: string): Promise<void> {
  const pid = serverPid(dataDir)
  process.kill(pid, 'SIGINT')
  const deadline = Date.now() + STOP_LIMIT_MS
  while (existsSync(`/proc/${pid}`) && Date.now() < deadline) await wait(POLL_MS)
}

function isNotRunning(error: unknown): boolean {
  return NOT_RUNNING.includes((error as NodeJS.ErrnoException).code ?? '')
}

function lastLogLine(dataDir: string): string {
  return readFileSync(clusterLog(dataDir), 'utf8').trimEnd().split('\n').at(-1) ?? ''
}
