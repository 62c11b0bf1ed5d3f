import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type Database, openDatabase } from '../../src/db/connection/database.ts'
import { applyUpgrades, shippedUpgrades, type Upgrade } from '../../src/db/connection/upgrades.ts'
import { clusterFolder, serverPid } from '../../src/db/embedded/cluster.ts'
import { openEmbedded } from '../../src/db/embedded/postgres.ts'
import { until } from './until.ts'

/** The one cluster of this checkout's tests: whoever needs it starts it, and the last one out stops it. */
export const CLUSTER = join(tmpdir(), `postferry-tests-${userInfo().uid}-${hash(import.meta.dirname)}`)
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }
const LOCK = 1

/** A database on the cluster. Its disposal drops it. */
export interface Place extends AsyncDisposable {
  readonly url: string
}

let count = 0

/** A database with all upgrades and nothing else, open. */
export async function openTestDatabase(): Promise<Database & Place> {
  const place = await newDatabase(upgraded)
  const database = await openDatabase({ databaseUrl: place.url, dataDir: CLUSTER })
  return {
    ...database,
    url: place.url,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
}

/** A database with nothing in it, or what a template has. */
export async function newDatabase(template = async (_: pg.Client) => 'template1'): Promise<Place> {
  mkdirSync(CLUSTER, { recursive: true, mode: 0o700 })
  const embedded = await openEmbedded(CLUSTER, SETTINGS)
  const admin = await superuser()
  const name = `test_${process.pid}_${++count}`
  await admin.query(`drop database if exists ${name}`)
  await admin.query(`create database ${name} owner postferry template ${await template(admin)}`)
  return {
    url: urlOf(name),
    async [Symbol.asyncDispose]() {
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
      await embedded[Symbol.asyncDispose]()
    },
  }
}

function urlOf(database: string, user = 'postferry'): string {
  return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(clusterFolder(CLUSTER))}`
}

/** Who may make databases: in a cluster of postferry's, nobody may be that over a connection. */
function superuser(): Promise<pg.Client> {
  return until(async () => {
    const client = new pg.Client(urlOf('postgres', 'postgres'))
    try {
      await client.connect()
      return client
    } catch {
      writeFileSync(join(clusterFolder(CLUSTER), 'pg_hba.conf'), 'local all all trust\n')
      process.kill(serverPid(CLUSTER), 'SIGHUP')
      return undefined
    }
  }, 'databases can be made')
}

/** The name of the database that has all upgrades. Whoever needs it first makes it. */
async function upgraded(admin: pg.Client): Promise<string> {
  const upgrades = await shippedUpgrades()
  const name = `template_${nameOf(upgrades)}`
  await admin.query('select pg_advisory_lock($1)', [LOCK])
  if ((await admin.query('select from pg_database where datname = $1', [name])).rowCount === 0) {
    await admin.query('drop database if exists unfinished')
    await admin.query('create database unfinished owner postferry')
    const client = new pg.Client(urlOf('unfinished'))
    await client.connect()
    await applyUpgrades(client, upgrades).finally(() => client.end())
    await admin.query(`alter database unfinished rename to ${name}`)
    await admin.query(`alter database ${name} allow_connections false`)
  }
  await admin.query('select pg_advisory_unlock($1)', [LOCK])
  return name
}

/** Tells one schema from another. */
export function nameOf(upgrades: readonly Upgrade[]): string {
  return hash(upgrades.map(({ sha256 }) => sha256).join())
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
