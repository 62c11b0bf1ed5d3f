import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { atOnce } from '../../files/at-once.ts'
import { giveTo } from '../../files/atomic.ts'
import type { Namespace } from '../../model/account.ts'

const BUSY_LIMIT_MS = 10_000

const TABLES = `
create table if not exists landing (directory text, uid_validity integer, uid integer, uid_next integer,
  primary key (directory, uid_validity, uid)) without rowid;
create table if not exists keyword (directory text, uid_validity integer, uid integer, words text,
  primary key (directory, uid_validity, uid)) without rowid;
create table if not exists folder (directory text primary key) without rowid;
create table if not exists role (name text primary key, directory text) without rowid;
create table if not exists subscription (name text primary key) without rowid;
create table if not exists namespace (prefix text, separator text);`

/** A folder of the source as it is numbered now. */
export interface Numbered {
  readonly directory: string
  readonly uidValidity: number
}

/**
 * What was merged of one migration, beside the sync state that all engines share: keywords, folders and subscriptions;
 * and which messages an import was begun for and not noted since.
 */
export interface Merged extends Disposable {
  /** By UID: the UID that the mailbox in use would have given to the next message when the import began. */
  landing(of: Numbered): ReadonlyMap<number, number>
  /** Whether any was when this was opened. */
  readonly isLanding: boolean
  land(of: Numbered, uids: readonly number[], uidNext: number): void
  landed(of: Numbered): void
  /** Keywords by UID, as they were merged last; none where there are none. */
  keywords(of: Numbered): ReadonlyMap<number, readonly string[]>
  setKeywords(of: Numbered, words: ReadonlyMap<number, readonly string[]>): void
  /** Directories that were made once: who has removed one does not get it again. */
  readonly folders: ReadonlySet<string>
  addFolders(directories: readonly string[]): void
  /** Folders of the source that went into the destination's folder of their role. */
  addRoles(directories: ReadonlyMap<string, string>): void
  readonly subscriptions: ReadonlySet<string>
  setSubscriptions(names: ReadonlySet<string>): void
  /** What the source called the folders when the mirror was made last; null: as everybody's here. */
  readonly namespace: Namespace | null
  setNamespace(namespace: Namespace | null): void
}

export function hasMerged(folder: string, migrationId: string): boolean {
  return existsSync(fileIn(folder, migrationId))
}

/** Whether an import was begun and not noted since. */
export function hasBegun(folder: string, migrationId: string): boolean {
  if (!hasMerged(folder, migrationId)) return false
  using merged = openMerged(folder, migrationId)
  return merged.isLanding
}

export function openMerged(folder: string, migrationId: string): Merged {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = fileIn(folder, migrationId)
  const database = new DatabaseSync(path, { timeout: BUSY_LIMIT_MS })
  chmodSync(path, 0o600)
  giveTo(path, statSync(folder))
  // A power cut may take the last of it: then what was copied is found by its content.
  database.exec(`pragma journal_mode = wal; pragma synchronous = normal; ${TABLES}`)
  return {
    ...{ ...landings(database), ...keywords(database), ...names(database), ...namespaces(database) },
    [Symbol.dispose]: () => database.close(),
  }
}

function fileIn(folder: string, migrationId: string): string {
  return join(folder, `postferry-merged-${migrationId}.sqlite`)
}

function landings(database: DatabaseSync): Pick<Merged, 'landing' | 'isLanding' | 'land' | 'landed'> {
  const select = database.prepare('select uid, uid_next from landing where directory = ? and uid_validity = ?')
  const insert = database.prepare('insert or ignore into landing values (?, ?, ?, ?)')
  const remove = database.prepare('delete from landing where directory = ? and uid_validity = ?')
  return {
    landing({ directory, uidValidity }) {
      const rows = select.all(directory, uidValidity) as { uid: number; uid_next: number }[]
      return new Map(rows.map(({ uid, uid_next }) => [uid, uid_next]))
    },
    isLanding: database.prepare('select 1 from landing limit 1').get() !== undefined,
    land: ({ directory, uidValidity }, uids, uidNext) =>
      atOnce(database, () => {
        for (const uid of uids) insert.run(directory, uidValidity, uid, uidNext)
      }),
    landed: ({ directory, uidValidity }) => void remove.run(directory, uidValidity),
  }
}

function keywords(database: DatabaseSync): Pick<Merged, 'keywords' | 'setKeywords'> {
  const select = database.prepare('select uid, words from keyword where directory = ? and uid_validity = ?')
  const insert = database.prepare('insert or replace into keyword values (?, ?, ?, ?)')
  const remove = database.prepare('delete from keyword where directory = ? and uid_validity = ? and uid = ?')
  return {
    keywords({ directory, uidValidity }) {
      const rows = select.all(directory, uidValidity) as { uid: number; words: string }[]
      return new Map(rows.map(({ uid, words }) => [uid, words.split(' ')]))
    },
    setKeywords: ({ directory, uidValidity }, all) =>
      atOnce(database, () => {
        for (const [uid, words] of all) {
          if (words.length === 0) remove.run(directory, uidValidity, uid)
          else insert.run(directory, uidValidity, uid, words.join(' '))
        }
      }),
  }
}

/** The directories of folders that have gone elsewhere than their names say, by the source's name. */
export function notedRoles(folder: string, migrationId: string): ReadonlyMap<string, string> {
  if (!hasMerged(folder, migrationId)) return new Map()
  using database = new DatabaseSync(fileIn(folder, migrationId), { timeout: BUSY_LIMIT_MS })
  database.exec(TABLES)
  const rows = database.prepare('select name, directory from role').all() as { name: string; directory: string }[]
  return new Map(rows.map(({ name, directory }) => [name, directory]))
}

function names(
  database: DatabaseSync,
): Pick<Merged, 'folders' | 'addFolders' | 'addRoles' | 'subscriptions' | 'setSubscriptions'> {
  const read = (table: string, column: string) => {
    const rows = database.prepare(`select ${column} as name from ${table}`).all() as { name: string }[]
    return new Set(rows.map(({ name }) => name))
  }
  return {
    get folders() {
      return read('folder', 'directory')
    },
    addFolders: (directories) =>
      atOnce(database, () => {
        const insert = database.prepare('insert or ignore into folder values (?)')
        for (const directory of directories) insert.run(directory)
      }),
    addRoles: (directories) =>
      atOnce(database, () => {
        const insert = database.prepare('insert or replace into role values (?, ?)')
        for (const [name, directory] of directories) insert.run(name, directory)
      }),
    get subscriptions() {
      return read('subscription', 'name')
    },
    setSubscriptions: (all) =>
      atOnce(database, () => {
        const insert = database.prepare('insert into subscription values (?)')
        database.exec('delete from subscription')
        for (const name of all) insert.run(name)
      }),
  }
}

function namespaces(database: DatabaseSync): Pick<Merged, 'namespace' | 'setNamespace'> {
  return {
    get namespace() {
      const [row] = database.prepare('select prefix, separator from namespace').all() as unknown as Namespace[]
      return row === undefined ? null : { prefix: row.prefix, separator: row.separator }
    },
    setNamespace: (namespace) =>
      atOnce(database, () => {
        database.exec('delete from namespace')
        if (namespace === null) return
        database.prepare('insert into namespace values (?, ?)').run(namespace.prefix, namespace.separator)
      }),
  }
}
