import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Delivered } from '../../copying/ports.ts'
import { replaceFile } from '../../files/atomic.ts'
import type { LostMessages, SyncState } from '../../ledger/ports.ts'
import { maildirFlags } from '../../model/mailbox.ts'
import { accountOf, statusFile } from './names.ts'

const BUSY_LIMIT_MS = 10_000
/** OfflineIMAP knows nothing of keywords. */
const NONE: ReadonlyMap<number, readonly string[]> = new Map()

/**
 * What OfflineIMAP remembers of a directory's folder: it notes a message when it has stored its file on the
 * destination.
 * @param metadata OfflineIMAP's folder
 */
export function syncStateIn(
  metadata: string,
  migrationId: string,
  directory: string,
  uidValidity: number,
): SyncState | null {
  const status = statusOf(metadata, migrationId, directory, uidValidity)
  if (status === null) return null
  using database = new DatabaseSync(status, { readOnly: true, timeout: BUSY_LIMIT_MS })
  const flagsOf = new Map<number, string>()
  let lastUid = 0
  for (const row of database.prepare('select id, flags from status').iterate()) {
    const { id, flags } = row as unknown as { id: number; flags: string | null }
    flagsOf.set(id, maildirFlags(flags ?? ''))
    lastUid = Math.max(lastUid, id)
  }
  return { flagsOf, keywordsOf: NONE, lastUid }
}

/** OfflineIMAP copies what it does not remember; where the file is there all the same, it only notes it again. */
export function forgetIn(metadata: string, migrationId: string, { directory, uidValidity, uids }: LostMessages): void {
  const status = statusOf(metadata, migrationId, directory, uidValidity)
  if (status === null) return
  using database = new DatabaseSync(status, { timeout: BUSY_LIMIT_MS })
  const remove = database.prepare('delete from status where id = ?')
  database.exec('begin immediate')
  for (const uid of uids) remove.run(uid)
  database.exec('commit')
}

// As OfflineIMAP makes it, in its version 2.
const TABLES = `
create table if not exists metadata (key varchar(50) primary key, value varchar(128));
insert or ignore into metadata values ('db_version', '2');
create table if not exists status (id integer primary key, flags varchar(50), mtime integer, labels varchar(256));`

/** Notes as delivered what another engine has delivered: OfflineIMAP copies it no more. On the disk when this returns. */
export function noteIn(metadata: string, migrationId: string, { directory, uidValidity, flagsOf }: Delivered): void {
  const { validity, status } = filesOf(metadata, migrationId, directory)
  const isAnothers = statusOf(metadata, migrationId, directory, uidValidity) === null
  for (const file of [validity, status]) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  using database = new DatabaseSync(status, { timeout: BUSY_LIMIT_MS })
  database.exec(`pragma synchronous = full; begin immediate; ${TABLES}`)
  if (isAnothers) database.exec('delete from status')
  const insert = database.prepare(`insert or replace into status values (?, ?, 0, '')`)
  for (const [uid, flags] of flagsOf) insert.run(uid, flags)
  database.exec('commit')
  if (isAnothers) replaceFile(validity, `${uidValidity}\n`)
}

/** Null: there is none, or of another folder that had the name. */
/** Whether something was copied into a directory. */
export function isCopiedIn(metadata: string, migrationId: string, directory: string): boolean {
  return existsSync(filesOf(metadata, migrationId, directory).status)
}

function statusOf(metadata: string, migrationId: string, directory: string, uidValidity: number): string | null {
  const { validity, status } = filesOf(metadata, migrationId, directory)
  if (!existsSync(status) || !existsSync(validity)) return null
  return Number(readFileSync(validity, 'utf8').trim()) === uidValidity ? status : null
}

function filesOf(metadata: string, migrationId: string, directory: string): { validity: string; status: string } {
  const name = statusFile(directory)
  return {
    validity: join(metadata, `Repository-${accountOf(migrationId)}-old`, 'FolderValidity', name),
    status: join(metadata, `Account-${accountOf(migrationId)}`, 'LocalStatus-sqlite', name),
  }
}
