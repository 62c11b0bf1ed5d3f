import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../src/db/connection/database.ts'
import { shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'
import { CLUSTER, nameOf } from './database.ts'

/** Gives a new data directory a cluster of its own, as its first start would make it, and without syncs to disk. */
export async function giveCluster(dataDir: string): Promise<void> {
  const seed = join(CLUSTER, `seed-${nameOf(await shippedUpgrades())}`)
  if (!existsSync(seed)) await makeSeed(seed)
  const { status, stderr } = spawnSync('cp', ['-a', clusterFolder(seed), dataDir], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

async function makeSeed(seed: string): Promise<void> {
  mkdirSync(CLUSTER, { recursive: true, mode: 0o700 })
  const unfinished = mkdtempSync(join(CLUSTER, 'unfinished-'))
  const database = await openDatabase({ databaseUrl: null, dataDir: unfinished })
  await database.ready().finally(() => database[Symbol.asyncDispose]())
  appendFileSync(join(clusterFolder(unfinished), 'postgresql.conf'), 'fsync = off\n')
  try {
    renameSync(unfinished, seed)
  } catch {
    // Another test file was faster.
    rmSync(unfinished, { recursive: true })
  }
}
