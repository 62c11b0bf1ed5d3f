// Writes src/db/schema.ts from the upgrades, or with --verify tells whether it is what they make.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'
import { openEmbedded } from '../../src/db/embedded/postgres.ts'

const SCHEMA_FILE = join(import.meta.dirname, '../../src/db/schema.ts')

/** Runs kysely-codegen against a fresh database with all upgrades; returns its exit code and output. */
export async function generateTypes(verify: boolean): Promise<{ status: number | null; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-types-'))
  try {
    await using embedded = await openEmbedded(folder, { fsync: 'off' })
    const client = new pg.Client(embedded.connection)
    await client.connect()
    await applyUpgrades(client, await shippedUpgrades()).finally(() => client.end())
    const url = `postgres://postferry@localhost/postferry?host=${encodeURIComponent(clusterFolder(folder))}`
    const done = spawnSync(
      join(import.meta.dirname, '../../node_modules/.bin/kysely-codegen'),
      ['--dialect', 'postgres', '--url', url, '--out-file', SCHEMA_FILE, ...(verify ? ['--verify'] : [])],
      { encoding: 'utf8' },
    )
    return { status: done.status, output: done.stdout + done.stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main) {
  const { status, output } = await generateTypes(process.argv.includes('--verify'))
  process.stdout.write(output)
  process.exitCode = status ?? 1
}
