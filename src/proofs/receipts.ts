import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Receipts } from '../policy/ledger-ports.ts'

const BUSY_LIMIT_MS = 10_000

/**
 * What OfflineIMAP remembers of a directory's folder: it notes a message when its file is safe on NEW's disk.
 * @param metadata OfflineIMAP's folder
 */
export function receiptsIn(
  metadata: string,
  migrationId: string,
  directory: string,
  uidValidity: number,
): Receipts | null {
  const name = fileNameOf(directory)
  const validity = join(metadata, `Repository-m-${migrationId}-old`, 'FolderValidity', name)
  const status = join(metadata, `Account-m-${migrationId}`, 'LocalStatus-sqlite', name)
  if (!existsSync(status) || !existsSync(validity)) return null
  if (Number(readFileSync(validity, 'utf8').trim()) !== uidValidity) return null
  using database = new DatabaseSync(status, { readOnly: true, timeout: BUSY_LIMIT_MS })
  const flagsOf = new Map<number, string>()
  let lastUid = 0
  for (const row of database.prepare('select id, flags from status').iterate()) {
    const { id, flags } = row as unknown as { id: number; flags: string | null }
    flagsOf.set(id, flagsIn(flags ?? ''))
    lastUid = Math.max(lastUid, id)
  }
  return { flagsOf, lastUid }
}

/** As the pythonfile has OfflineIMAP name its files. */
function fileNameOf(directory: string): string {
  const name = directory || 'INBOX'
  return Array.from(name).length <= 200 ? name : createHash('sha256').update(name).digest('hex')
}

function flagsIn(letters: string): string {
  return Array.from(letters.replace(/[^DFRST]/g, ''))
    .sort()
    .join('')
}
