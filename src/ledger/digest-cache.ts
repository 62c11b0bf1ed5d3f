import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { atOnce } from '../files/at-once.ts'
import { giveTo } from '../files/atomic.ts'
import type {
  DigestCache,
  DigestCaches,
  KnownFile,
  KnownFiles,
  KnownListings,
  KnownMessage,
  KnownMessages,
  Opened,
} from './ports.ts'

/** Of the tables below; a file of another version is made anew. */
const VERSION = 1
const BUSY_LIMIT_MS = 10_000

const TABLES = `
create table message (mailbox text, uid_validity integer, uid integer, size integer, digest text, message_id text,
  length integer, primary key (mailbox, uid_validity, uid)) without rowid;
create table file (directory text, name text, stamp text, digest text, message_id text,
  length integer, primary key (directory, name)) without rowid;
pragma user_version = ${VERSION};`

/** Not of the first versions. */
const LISTINGS = `create table if not exists listing (mailbox text primary key, status text, opened text) without rowid`

/**
 * What was read of a migration's mail on both sides, in a file of its own in the folder. It may be removed at any time;
 * one that cannot be used is replaced, and where none can be written there is none.
 */
export function digestCaches(folder: string): DigestCaches {
  return {
    open: (migrationId) => opened(openFile(folder, pathIn(folder, migrationId))),
    remove(migrationId) {
      try {
        removeFile(pathIn(folder, migrationId))
      } catch {
        // It belongs to somebody else; nothing depends on it.
      }
    },
  }
}

function opened(database: DatabaseSync): DigestCache {
  return {
    messages: messages(database),
    files: files(database),
    listings: listings(database),
    [Symbol.dispose]: () => database.close(),
  }
}

function pathIn(folder: string, migrationId: string): string {
  return join(folder, `postferry-proofs-${migrationId}.sqlite`)
}

function removeFile(path: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(path + end, { force: true })
}

function openFile(folder: string, path: string): DatabaseSync {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    try {
      return openTables(path, folder)
    } catch {
      removeFile(path)
      return openTables(path, folder)
    }
  } catch {
    return openTables(':memory:', null)
  }
}

function openTables(path: string, folder: string | null): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_LIMIT_MS })
  try {
    const { user_version: version } = database.prepare('pragma user_version').get() as { user_version: number }
    if (version === 0) database.exec(`begin immediate; ${TABLES} commit`)
    else if (version !== VERSION) throw new Error(`version ${version}`)
    if (folder !== null) {
      chmodSync(path, 0o600)
      // What root has made the folder's owner will want to write too.
      giveTo(path, statSync(folder))
      // What a power cut takes is read again: no transaction waits for the disk.
      database.exec('pragma journal_mode = wal; pragma synchronous = normal')
    }
    database.exec(LISTINGS)
    database.prepare('select count(*) from message').get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

interface Row {
  readonly digest: string
  readonly message_id: string
  readonly length: number
}

const digestIn = ({ digest, message_id, length }: Row) => ({ digest, messageId: message_id, length })

function messages(database: DatabaseSync): KnownMessages {
  const select = database.prepare('select * from message where mailbox = ? and uid_validity = ?')
  const insert = database.prepare('insert or replace into message values (?, ?, ?, ?, ?, ?, ?)')
  const remove = database.prepare('delete from message where mailbox = ? and uid_validity = ? and uid = ?')
  const sum = database.prepare('select coalesce(sum(size), 0) as bytes from message')
  const removeOthers = database.prepare('delete from message where mailbox = ? and uid_validity <> ?')
  return {
    of(mailbox, uidValidity) {
      const known = new Map<number, KnownMessage>()
      for (const row of select.iterate(mailbox, uidValidity)) {
        const { uid, size } = row as unknown as { uid: number; size: number }
        known.set(uid, { size, ...digestIn(row as unknown as Row) })
      }
      return known
    },
    add: (mailbox, uidValidity, fresh) =>
      atOnce(database, () => {
        removeOthers.run(mailbox, uidValidity)
        for (const [uid, { size, digest, messageId, length }] of fresh) {
          insert.run(mailbox, uidValidity, uid, size, digest, messageId, length)
        }
      }),
    bytes: () => (sum.get() as { bytes: number }).bytes,
    forget: (mailbox, uidValidity, uids) =>
      atOnce(database, () => {
        for (const uid of uids) remove.run(mailbox, uidValidity, uid)
      }),
  }
}

function listings(database: DatabaseSync): KnownListings {
  const select = database.prepare('select opened from listing where mailbox = ? and status = ?')
  const insert = database.prepare('insert or replace into listing values (?, ?, ?)')
  return {
    of(mailbox, status) {
      const row = select.get(mailbox, status) as { opened: string } | undefined
      return row === undefined ? null : unpacked(row.opened)
    },
    keep(mailbox, status, opened) {
      const text = packed(opened)
      if (text !== null) insert.run(mailbox, status, text)
    },
  }
}

type Packed = [uid: number, size: number, date: number, flags: string, ...keywords: string[]]

/** Null: it is not all of the mailbox. */
function packed(opened: Opened): string | null {
  if ('refusal' in opened || opened.unlisted.length > 0) return null
  const { uidValidity, messages } = opened
  if (messages.some(({ date }) => Number.isNaN(date))) return null
  const rows = messages.map(({ uid, size, date, flags, keywords }): Packed => [uid, size, date, flags, ...keywords])
  return JSON.stringify([uidValidity, rows])
}

function unpacked(text: string): Opened {
  const [uidValidity, rows] = JSON.parse(text) as [number, Packed[]]
  const messages = rows.map(([uid, size, date, flags, ...keywords]) => ({ uid, size, date, flags, keywords }))
  return { uidValidity, messages, unlisted: [] }
}

function files(database: DatabaseSync): KnownFiles {
  const select = database.prepare('select * from file where directory = ?')
  const selectStamps = database.prepare('select name, stamp from file where directory = ?')
  const insert = database.prepare('insert or replace into file values (?, ?, ?, ?, ?, ?)')
  const remove = database.prepare('delete from file where directory = ? and name = ?')
  return {
    of(directory) {
      const known = new Map<string, KnownFile>()
      for (const row of select.iterate(directory)) {
        const { name, stamp } = row as unknown as { name: string; stamp: string }
        known.set(name, { stamp, ...digestIn(row as unknown as Row) })
      }
      return known
    },
    keep(directory, now) {
      const rows = selectStamps.all(directory) as { name: string; stamp: string }[]
      const before = new Map(rows.map(({ name, stamp }) => [name, stamp]))
      const gone = [...before.keys()].filter((name) => !now.has(name))
      const fresh = [...now].filter(([name, { stamp }]) => before.get(name) !== stamp)
      if (gone.length + fresh.length === 0) return
      atOnce(database, () => {
        for (const name of gone) remove.run(directory, name)
        for (const [name, { stamp, digest, messageId, length }] of fresh) {
          insert.run(directory, name, stamp, digest, messageId, length)
        }
      })
    },
  }
}
