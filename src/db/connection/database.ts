import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { makeFolder } from '../../files/folder.ts'
import { openEmbedded } from '../embedded/postgres.ts'
import type { DB } from '../schema.ts'
import { type Channel, type Listener, listen, type OnNotice } from './listener.ts'
import { breakWhenSilent, busyProcesses } from './stall-timeout.ts'
import {
  appliedUpgrades,
  applyUpgrades,
  pendingAtRest,
  pendingUpgrades,
  SchemaNewer,
  shippedUpgrades,
  type Upgrade,
  UpgradePending,
} from './upgrades.ts'

export interface DatabaseLocation {
  /** Null: PostgreSQL embedded in the data directory. */
  readonly databaseUrl: string | null
  readonly dataDir: string
}

export interface Database extends AsyncDisposable {
  readonly kysely: Kysely<DB>
  readonly pool: pg.Pool
  /** Calls for what is notified from now on, while the database can be reached. */
  listen(channel: Channel, onNotice: OnNotice): Listener
  /**
   * Resolves when the database is there and has this program's schema; an empty or embedded one gets it here.
   * @throws SchemaError when an upgrade is pending, was edited, or is newer than this program
   */
  ready(): Promise<void>
  /** Asks the database now. Throws as `ready` does. */
  check(): Promise<void>
  /** Resolves when the database answers at all. */
  reach(): Promise<void>
  /** Its time of day. */
  clock(): Promise<Date>
  /** Name and version of the server. */
  product(): Promise<string>
  /** The names of the upgrades that it has. */
  schema(): Promise<string[]>
  /** Applies the pending upgrades and returns their names. */
  upgrade(): Promise<string[]>
  /** A connection of its own, for what takes longer than the service waits. Whoever asked ends it. */
  connect(): Promise<pg.Client>
  /** The upgrades that this program brings, in order. */
  readonly upgrades: readonly Upgrade[]
  /** Calls once when the schema, which fitted, has become newer than this program. Dispose to stop. */
  watchSchema(onNewer: (reason: SchemaNewer) => void): Disposable
}

// Whoever waits for the database gives up after 4 s. What waits for a connection or a lock is ended before that, so
// that it keeps no connection of the pool busy for nobody. There is no limit on a statement: it would count the time that a
// listing waits for its reader. A connection that is silent for longer than its limit is kept as long as its process
// works.
const CONNECT_LIMIT_MS = 3_000
const LOCK_LIMIT_MS = 3_000
const SILENCE_LIMIT_MS = 8_000
const LEAVE_LIMIT_MS = 2_000
/** So long the locks of a host that was lost in mid-transaction are held. */
const IDLE_TRANSACTION_LIMIT_MS = 300_000
const POOL_SIZE = 10
const SCHEMA_LOOK_MS = 5_000

/** Opens the pool; a server of somebody else that is away now is asked again at each `ready`. */
export async function openDatabase(
  { databaseUrl, dataDir }: DatabaseLocation,
  upgrades: Promise<readonly Upgrade[]> = shippedUpgrades(),
): Promise<Database> {
  const embedded = databaseUrl === null ? await openOwn(dataDir) : null
  const location = embedded?.connection ?? { connectionString: databaseUrl ?? '' }
  const { pool, connected } = openPool(location)
  const kysely = new Kysely<DB>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  const shipped = await upgrades
  let isCurrent = false

  async function check(): Promise<void> {
    const client = await pool.connect()
    try {
      await settle(client)
    } finally {
      client.release()
    }
    isCurrent = true
  }

  async function settle(client: pg.PoolClient): Promise<void> {
    const pending = await pendingUpgrades(client, shipped)
    const isOurs = embedded !== null || pending.length === shipped.length
    if (pending.length === 0) return
    if (isOurs) return void (await upgrade())
    const left = await pendingAtRest(client, shipped)
    if (left.length > 0) throw new UpgradePending(left)
  }

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...location, connectionTimeoutMillis: CONNECT_LIMIT_MS, keepAlive: true })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  async function upgrade(): Promise<string[]> {
    const client = await connect()
    return await applyUpgrades(client, shipped).finally(() => client.end())
  }

  // A process that begins on a newer schema is not ready, and becomes it when that goes away.
  function watchSchema(onNewer: (reason: SchemaNewer) => void): Disposable {
    const timer = setInterval(async () => {
      const reason = isCurrent ? await check().catch((error: Error) => error) : null
      if (!(reason instanceof SchemaNewer)) return
      clearInterval(timer)
      onNewer(reason)
    }, SCHEMA_LOOK_MS).unref()
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }

  return {
    kysely,
    pool,
    listen: (channel, onNotice) => listen(location, channel, onNotice),
    check,
    reach: async () => void (await sql`select 1`.execute(kysely)),
    async product() {
      const { rows } = await sql<{ version: string }>`select version()`.execute(kysely)
      return rows[0]?.version ?? ''
    },
    async schema() {
      const client = await pool.connect()
      return (await appliedUpgrades(client).finally(() => client.release())).map(({ name }) => name)
    },
    async clock() {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(kysely)
      return rows[0]?.now ?? new Date(Number.NaN)
    },
    ready: async () => (isCurrent ? undefined : await check()),
    upgrade,
    connect,
    upgrades: shipped,
    watchSchema,
    async [Symbol.asyncDispose]() {
      await Promise.race([pool.end(), wait(LEAVE_LIMIT_MS, undefined, { ref: false })])
      // A server that does not close them keeps nobody.
      for (const { connection } of connected) (connection.stream as Socket).unref()
      await embedded?.[Symbol.asyncDispose]()
    },
  }
}

/** The pool, and its connections of the moment. */
function openPool(location: pg.ClientConfig): { pool: pg.Pool; connected: ReadonlySet<pg.PoolClient> } {
  const connected = new Set<pg.PoolClient>()
  const busy = busyProcesses(location, CONNECT_LIMIT_MS)
  const pool = new pg.Pool({
    ...location,
    application_name: 'postferry',
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    lock_timeout: LOCK_LIMIT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_LIMIT_MS,
    keepAlive: true,
  })
  // A connection that breaks is replaced by the pool, whether it is idle or in use; who uses it is told by its query.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
    breakWhenSilent(client, SILENCE_LIMIT_MS, busy)
    connected.add(client)
  })
  pool.on('remove', (client) => connected.delete(client))
  return { pool, connected }
}

async function openOwn(dataDir: string) {
  makeFolder(dataDir)
  return await openEmbedded(dataDir)
}
