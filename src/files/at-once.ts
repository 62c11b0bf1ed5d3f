import type { DatabaseSync } from 'node:sqlite'

/** All of it or nothing. */
export function atOnce(database: DatabaseSync, work: () => void): void {
  database.exec('begin immediate')
  try {
    work()
    database.exec('commit')
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}
