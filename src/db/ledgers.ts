import type { Insertable, Kysely, Selectable, Transaction } from 'kysely'
import type { LedgerFence, Ledgers, Saved } from '../ledger/ports.ts'
import { batchesOf } from '../model/batches.ts'
import {
  type Counts,
  type Difference,
  type FolderState,
  type Kind,
  type Ledger,
  type LedgerCode,
  type LedgerFolder,
  noCounts,
} from '../model/ledger.ts'
import type { DB, LedgerDifference, LedgerFolder as LedgerFolderTable } from './schema.ts'

const BATCH = 1_000

export function ledgers(db: Kysely<DB>): Ledgers {
  return {
    async last(id) {
      const takenAt = await lastTakenAt(db, id)
      return { takenAt, folders: await foldersOf(db, id) }
    },
    save: (id, ledger, fence) => db.transaction().execute((trx) => save(trx, id, ledger, fence)),
    find: (id) => findLedger(db, id),
  }
}

export async function findLedger(db: Kysely<DB>, id: string): Promise<Ledger | null> {
  const row = await db.selectFrom('ledger').selectAll().where('migration_id', '=', id).executeTakeFirst()
  if (row === undefined) return null
  const rows = db.selectFrom('ledger_difference').selectAll().where('migration_id', '=', id).orderBy('number')
  return {
    ...{ takenAt: row.taken_at, seconds: row.seconds, code: row.code as LedgerCode | null },
    ...{ folders: await foldersOf(db, id), fetched: Number(row.fetched) },
    differences: (await rows.execute()).map(toDifference),
  }
}

async function lastTakenAt(db: Kysely<DB>, id: string): Promise<Date | null> {
  const row = await db.selectFrom('ledger').select('taken_at').where('migration_id', '=', id).executeTakeFirst()
  return row?.taken_at ?? null
}

async function foldersOf(db: Kysely<DB>, id: string): Promise<LedgerFolder[]> {
  const rows = db.selectFrom('ledger_folder').selectAll().where('migration_id', '=', id).orderBy('name')
  return (await rows.execute()).map(toFolder)
}

async function save(trx: Transaction<DB>, id: string, ledger: Ledger, { after, holder }: LedgerFence): Promise<Saved> {
  // The migration before its job, as all transitions do.
  const migration = trx.selectFrom('migration').select('id').where('id', '=', id).where('state', '<>', 'done')
  if ((await migration.forUpdate().executeTakeFirst()) === undefined) return 'too-late'
  const lease = trx.selectFrom('job').select('holder').where('migration_id', '=', id).where('holder', '=', holder)
  if (holder !== null && (await lease.forUpdate().executeTakeFirst()) === undefined) return 'too-late'
  const last = await lastTakenAt(trx, id)
  if (last?.getTime() !== after?.getTime()) return 'overtaken'
  await replace(id, ledger, trx)
  return 'saved'
}

async function replace(id: string, ledger: Ledger, trx: Transaction<DB>): Promise<void> {
  const { takenAt, seconds, code, fetched } = ledger
  const row = { taken_at: takenAt, seconds, code, fetched, ...(code === null && { clean_at: takenAt }) }
  await trx
    .insertInto('ledger')
    .values({ migration_id: id, ...row })
    .onConflict((conflict) => conflict.column('migration_id').doUpdateSet(row))
    .execute()
  await trx.deleteFrom('ledger_folder').where('migration_id', '=', id).execute()
  await trx.deleteFrom('ledger_difference').where('migration_id', '=', id).execute()
  for (const some of batchesOf(ledger.folders, BATCH)) {
    await trx
      .insertInto('ledger_folder')
      .values(some.map((folder) => folderRow(id, folder)))
      .execute()
  }
  const numbered = ledger.differences.map((difference, number) => differenceRow(id, number, difference))
  for (const some of batchesOf(numbered, BATCH)) await trx.insertInto('ledger_difference').values(some).execute()
}

function folderRow(id: string, folder: LedgerFolder): Insertable<LedgerFolderTable> {
  const { name, directory, state, remark, messages, proved, extra, duplicated } = folder
  return {
    ...{ migration_id: id, name, directory, state, remark, messages, proved, extra, duplicated },
    ...{ counts: JSON.stringify(folder.counts), uid_validity: folder.uidValidity },
    ...{ proved_uids: folder.provedUids, lost_uids: folder.lostUids, accepted_uids: folder.acceptedUids },
    accepted_unlisted: folder.acceptedUnlisted,
  }
}

function differenceRow(id: string, number: number, difference: Difference): Insertable<LedgerDifference> {
  const { kind, folder, uid, messageId, date, size, old, now } = difference
  return { migration_id: id, number, kind, folder, uid, message_id: messageId, date, size, old, now }
}

function toFolder(row: Selectable<LedgerFolderTable>): LedgerFolder {
  const { name, directory, remark, messages, proved, extra, duplicated } = row
  return {
    ...{ name, directory, remark, messages, proved, extra, duplicated },
    // What an earlier version did not count is none.
    ...{ state: row.state as FolderState, counts: { ...noCounts(), ...(row.counts as unknown as Partial<Counts>) } },
    uidValidity: row.uid_validity === null ? null : Number(row.uid_validity),
    ...{ provedUids: row.proved_uids, lostUids: row.lost_uids, acceptedUids: row.accepted_uids },
    acceptedUnlisted: row.accepted_unlisted,
  }
}

function toDifference(row: Selectable<LedgerDifference>): Difference {
  const { folder, date, old, now, message_id: messageId } = row
  const uid = row.uid === null ? null : Number(row.uid)
  return { kind: row.kind as Kind, folder, uid, messageId, date, size: Number(row.size), old, now }
}
