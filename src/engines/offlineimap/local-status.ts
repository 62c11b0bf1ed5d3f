import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { LostMessages, SyncState } from '../../ledger/ports.ts'
import { maildirFlags } from '../../model/mailbox.ts'
import { accountOf, statusFile } from './names.ts'

const BUSY_LIMIT_MS = 10_000

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
  return { flagsOf, lastUid }
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

/** Null: there is none, or of another folder that had the name. */
function statusOf(metadata: string, migrationId: string, directory: string, uidValidity: number): string | null {
  const name = statusFile(directory)
  const validity = join(metadata, `Repository-${accountOf(migrationId)}-old`, 'FolderValidity', name)
  const status = join(metadata, `Account-${accountOf(migrationId)}`, 'LocalStatus-sqlite', name)
  if (!existsSync(status) || !existsSync(validity)) return null
  return Number(readFileSync(validity, 'utf8').trim()) === uidValidity ? status : null
}
