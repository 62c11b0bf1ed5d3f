import { mkdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { openEmbedded } from './embedded/postgres.ts'
import type { DB } from './schema.ts'
import { applyUpgrades, pendingUpgrades, shippedUpgrades, type Upgrade, UpgradePending } from './upgrades.ts'

export interface DatabasePlace {
  /** Null: PostgreSQL embedded in the data directory. */
  readonly databaseUrl: string | null
  readonly dataDir: string
}

export interface Database extends AsyncDisposable {
  readonly kysely: Kysely<DB>
  /**
   * Resolves when the database is there and has this program's schema; an empty or embedded one gets it here.
   * @throws SchemaError when an upgrade is pending, was edited, or is newer than this program
   */
  ready(): Promise<void>
  /** Asks the database now. Throws as `ready` does. */
  check(): Promise<void>
  /** Resolves when the database answers at all. */
  reach(): Promise<void>
  /** Applies the pending upgrades and returns their names. */
  upgrade(): Promise<string[]>
}

const CONNECT_LIMIT_MS = 5_000
const STATEMENT_LIMIT_MS = 10_000
const POOL_SIZE = 10

/** Opens the pool; an outside server that is away now is asked again at each `ready`. */
export async function openDatabase(
  { databaseUrl, dataDir }: DatabasePlace,
  upgrades: Promise<readonly Upgrade[]> = shippedUpgrades(),
): Promise<Database> {
  const embedded = databaseUrl === null ? await openOwn(dataDir) : null
  const place = embedded?.connection ?? { connectionString: databaseUrl ?? '' }
  const pool = new pg.Pool({
    ...place,
    application_name: 'mailferry',
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    keepAlive: true,
  })
  // An idle connection that breaks is replaced by the pool; the next question finds out how the database is.
  pool.on('error', () => undefined)
  const kysely = new Kysely<DB>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  const shipped = await upgrades
  let settled = false

  async function check(): Promise<void> {
    const client = await pool.connect()
    const pending = await pendingUpgrades(client, shipped).finally(() => client.release())
    if (pending.length > 0) {
      if (embedded === null && pending.length < shipped.length) throw new UpgradePending(pending)
      await upgrade()
    }
    settled = true
  }

  // On a connection of its own: an upgrade may take longer than a statement of the service.
  async function upgrade(): Promise<string[]> {
    const client = new pg.Client({ ...place, connectionTimeoutMillis: CONNECT_LIMIT_MS })
    client.on('error', () => undefined)
    await client.connect()
    return await applyUpgrades(client, shipped).finally(() => client.end())
  }

  return {
    kysely,
    check,
    reach: async () => void (await sql`select 1`.execute(kysely)),
    ready: async () => (settled ? undefined : await check()),
    upgrade,
    async [Symbol.asyncDispose]() {
      await Promise.race([pool.end(), wait(CONNECT_LIMIT_MS, undefined, { ref: false })])
      await embedded?.[Symbol.asyncDispose]()
    },
  }
}

async function openOwn(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  return await openEmbedded(dataDir)
}
