import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { PROGRAM } from '../../installed.ts'

/** One change of the database schema: a file `sql/NNNN_name.sql`. */
export interface Upgrade {
  readonly number: number
  readonly name: string
  readonly sql: string
  readonly sha256: string
}

/** The schema and this program do not fit together; the message says what to do. */
class SchemaError extends Error {}

/** A newer program has brought an upgrade that this one does not know. */
export class SchemaNewer extends SchemaError {
  constructor(name: string) {
    super(`the database has upgrade ${name}, which this program does not know: run a newer postferry`)
  }
}

export class UpgradePending extends SchemaError {
  constructor(pending: readonly Upgrade[]) {
    super(`upgrade ${pending.map(({ name }) => name).join(', ')} is pending: run "postferry upgrade"`)
  }
}

const FOLDER = join(PROGRAM, 'sql')
const FILE_NAME = /^(\d{4})_\w+\.sql$/
const LOCK = 0x6d66_7570 // "mfup"
const LOCK_POLL_MS = 50
const REST_LIMIT_MS = 2_000

/** The upgrades that this program brings, in order. */
export async function shippedUpgrades(folder = FOLDER): Promise<Upgrade[]> {
  const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort()
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8')
      return { number: Number(name.slice(0, 4)), name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/**
 * The upgrades that the database still needs.
 * @throws SchemaError when an applied upgrade was edited, or the database has one that this program does not know.
 */
export async function pendingUpgrades(client: ClientBase, shipped: readonly Upgrade[]): Promise<Upgrade[]> {
  const applied = await appliedUpgrades(client)
  for (const { number, name, sha256 } of applied) {
    const own = shipped.find((upgrade) => upgrade.number === number)
    if (own === undefined) throw new SchemaNewer(name)
    if (own.sha256 !== sha256) {
      throw new SchemaError(
        `upgrade ${name} was edited after it was applied: restore the file that came with postferry`,
      )
    }
  }
  return shipped.filter(({ number }) => !applied.some((upgrade) => upgrade.number === number))
}

/**
 * The same, once nobody applies any: whoever begins with an empty database is at it for a moment. Who takes longer is not
 * waited for.
 */
export async function pendingAtRest(client: ClientBase, shipped: readonly Upgrade[]): Promise<Upgrade[]> {
  const isLocked = await tryLock(client, REST_LIMIT_MS)
  try {
    return await pendingUpgrades(client, shipped)
  } finally {
    if (isLocked) await unlock(client)
  }
}

/** Applies what is pending, each upgrade in a transaction of its own; several may run at once. Returns their names. */
export async function applyUpgrades(client: ClientBase, shipped: readonly Upgrade[]): Promise<string[]> {
  await lockSchema(client)
  try {
    await makeUpgradeTable(client)
    const pending = await pendingUpgrades(client, shipped)
    for (const upgrade of pending) await applyOne(client, upgrade)
    return pending.map(({ name }) => name)
  } finally {
    await unlock(client)
  }
}

export async function makeUpgradeTable(client: ClientBase): Promise<void> {
  await client.query(`create table if not exists upgrade (
    number integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now()
  )`)
}

/** The upgrades that the database has, in order. */
export async function appliedUpgrades(client: ClientBase): Promise<Pick<Upgrade, 'number' | 'name' | 'sha256'>[]> {
  const { rows } = await client.query(`select to_regclass('upgrade') is not null as exists`)
  if (!rows[0].exists) return []
  return (await client.query('select number, name, sha256 from upgrade order by number')).rows
}

async function applyOne(client: ClientBase, upgrade: Upgrade): Promise<void> {
  await client.query('begin')
  try {
    await applyWithin(client, upgrade)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Applies an upgrade in the transaction that is open. */
export async function applyWithin(client: ClientBase, { number, name, sql, sha256 }: Upgrade): Promise<void> {
  try {
    await client.query(sql)
    await client.query('insert into upgrade (number, name, sha256) values ($1, $2, $3)', [number, name, sha256])
  } catch (cause) {
    throw new SchemaError(`upgrade ${name} failed and changed nothing: ${(cause as Error).message}`, { cause })
  }
}

/** Nobody else upgrades the schema until this connection ends. */
export async function lockSchema(client: ClientBase): Promise<void> {
  await tryLock(client, Number.POSITIVE_INFINITY)
}

/** False: somebody else upgrades it for longer than that. */
async function tryLock(client: ClientBase, limitMs: number): Promise<boolean> {
  const startedAt = performance.now()
  // Polled: a session that waits inside pg_advisory_lock holds a snapshot, on which CREATE INDEX CONCURRENTLY waits.
  while (!(await client.query('select pg_try_advisory_lock($1) as mine', [LOCK])).rows[0].mine) {
    if (performance.now() - startedAt > limitMs) return false
    await wait(LOCK_POLL_MS)
  }
  return true
}

async function unlock(client: ClientBase): Promise<void> {
  await client.query('select pg_advisory_unlock($1)', [LOCK])
}
