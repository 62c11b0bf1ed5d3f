import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../../files/atomic.ts'

/** What was brought of a person's filters. */
export interface Carried {
  /** When they were looked at last. */
  readonly at: number
  /** By name. */
  readonly digests: Readonly<Record<string, string>>
  /** The one that was made the active one here; null: none was. */
  readonly active: string | null
  /** Since when the source says nothing. */
  readonly silentSince?: number
}

/** Null: they were never looked at, or what is kept of it cannot be read. */
export function carriedBefore(folder: string, migrationId: string): Carried | null {
  const path = fileIn(folder, migrationId)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

export function keepCarried(folder: string, migrationId: string, carried: Carried): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, gid } = statSync(folder)
  replaceFile(fileIn(folder, migrationId), `${JSON.stringify(carried)}\n`, { mode: 0o600, uid, gid })
}

/** Of a migration that is finished. */
export function removeCarried(folder: string, migrationId: string): void {
  rmSync(fileIn(folder, migrationId), { force: true })
}

function fileIn(folder: string, migrationId: string): string {
  return join(folder, `postferry-filters-${migrationId}.json`)
}
