import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { By } from '../../model/audit.ts'
import { Refused } from '../../model/refused.ts'
import type { OnRows, Pieces, Restored } from '../../operations/backups.ts'
import { applyWithin, lockSchema, makeUpgradeTable, type Upgrade } from '../connection/upgrades.ts'
import { copyOf, type Header, PORTABLE, quoted, type Tally } from './format.ts'
import { endOldLife } from './old-life.ts'
import { type BackupReader, readBackup } from './reader.ts'
import { backedTables } from './tables.ts'
import { clearTarget } from './target.ts'

export interface Restoring {
  readonly by: By
  readonly shipped: readonly Upgrade[]
  readonly onRows: OnRows
}

/** Fills an empty database, in one transaction. @param client has nothing else to do, before or after */
export async function restoreBackup(client: pg.Client, pieces: Pieces, restoring: Restoring): Promise<Restored> {
  await lockSchema(client)
  await client.query(PORTABLE)
  await client.query('begin')
  return await readBackup(pieces, async (backup) => {
    const restored = await fill(client, backup, restoring)
    await client.query('commit')
    return restored
  })
}

async function fill(client: pg.Client, backup: BackupReader, { by, shipped, onRows }: Restoring): Promise<Restored> {
  const { header } = backup
  const { had, later } = splitUpgrades(header, shipped)
  await clearTarget(client, shipped)
  await makeUpgradeTable(client)
  await applyAll(client, had)
  const tallies = await load(client, backup, onRows)
  await applyAll(client, later)
  await endOldLife(client, { ...by, action: 'database.restore', detail: `as it was at ${header.made_at}` })
  // Until it is done by itself, a minute later, every look-up would read whole tables.
  await client.query(`analyze ${(await backedTables(client)).map(({ name }) => quoted(name)).join(', ')}`)
  return {
    madeAt: new Date(header.made_at),
    upgrade: shipped.at(-1)?.name ?? '',
    tables: tallies,
    upgraded: later.map(({ name }) => name),
  }
}

/** What the backup's schema was made of, and what came since. */
function splitUpgrades({ upgrades, postferry }: Header, shipped: readonly Upgrade[]) {
  for (const [index, { number, name, sha256 }] of upgrades.entries()) {
    const own = shipped[index]
    if (own === undefined) {
      throw new Refused(
        'invalid',
        `the backup has upgrade ${name}, which this program does not know: use a newer postferry`,
      )
    }
    if (own.number !== number || own.sha256 !== sha256) {
      const other = `upgrade ${name} of the backup is not ${own.name} of this program`
      throw new Refused('invalid', `${other}: restore it with the postferry that made it (${postferry})`)
    }
  }
  return { had: shipped.slice(0, upgrades.length), later: shipped.slice(upgrades.length) }
}

// Each as if in a transaction of its own: what was put off to the end of it is done.
async function applyAll(client: pg.Client, upgrades: readonly Upgrade[]): Promise<void> {
  for (const upgrade of upgrades) {
    await applyWithin(client, upgrade)
    await client.query('set constraints all immediate; set constraints all deferred')
  }
}

/** Fills the tables of the schema that the backup was made of, while no trigger of ours follows. */
async function load(client: pg.Client, backup: BackupReader, onRows: OnRows): Promise<readonly Tally[]> {
  const { tables } = backup.header
  refuseOtherTables(tables.map(copyOf), (await backedTables(client)).map(copyOf))
  for (const { name } of tables) await client.query(`alter table ${quoted(name)} disable trigger user`)
  let rows = 0
  for (const table of tables) {
    const stream = client.query(copyFrom(`${copyOf(table)} from stdin`))
    await pipeline(backup.rows(table.name), stream).catch((error) => refuseRows(table.name, error))
    rows += stream.rowCount
    onRows(rows)
  }
  const tallies = await backup.end()
  for (const { name } of tables) await client.query(`alter table ${quoted(name)} enable trigger user`)
  return tallies
}

function refuseOtherTables(theirs: readonly string[], ours: readonly string[]): void {
  const other = theirs.find((table) => !ours.includes(table)) ?? ours.find((table) => !theirs.includes(table))
  if (other === undefined) return
  throw new Refused(
    'invalid',
    `the backup is not of this schema (${other}): restore it with the postferry that made it`,
  )
}

/** What does not fit into its table (classes 22 and 23 of PostgreSQL's errors) is the backup's fault. */
function refuseRows(table: string, error: Error & { code?: string }): never {
  if (!/^2[23]...$/.test(error.code ?? '')) throw error
  throw new Refused(
    'invalid',
    `the backup is damaged: table ${table} cannot be read (${error.message}). Nothing was changed`,
  )
}
