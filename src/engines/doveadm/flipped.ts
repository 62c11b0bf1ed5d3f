import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { atOnce } from '../../files/at-once.ts'
import { giveTo } from '../../files/atomic.ts'
import type { Aim, Known } from './return-plan.ts'

const BUSY_LIMIT_MS = 10_000

const TABLES = `
create table if not exists known (name text primary key, uid_validity integer, here integer, uid_next integer, modseq text)
  without rowid;
create table if not exists message (name text, uid integer, flags text, primary key (name, uid)) without rowid;
create table if not exists aim (name text primary key, here integer) without rowid;
create table if not exists aimed (name text, uid integer, flags text, size integer, primary key (name, uid)) without rowid;
create table if not exists brought (name text, uid_validity integer, uid integer, digest text, date integer,
  primary key (name, uid_validity, uid)) without rowid;`

/** By what a message is known again that a return has brought, or was about to bring. */
export interface Brought {
  readonly digest: string
  /** In whole seconds since 1970. */
  readonly date: number
}

/**
 * What the source had when it was left, at a flip or by a return that did not come to its end; and what such a return was
 * about to make of it.
 */
export interface FlippedRecord extends Disposable {
  /** By the source's name. */
  readonly known: Map<string, Known>
  /** UIDs of one folder, also of what a return was about to bring; null: there was none that is numbered so. */
  uids(name: string, uidValidity: number): ReadonlySet<number> | null
  /** Empty: nothing was being written. */
  readonly aims: Map<string, Aim>
  /** What a return has brought since into a folder that is numbered so, or was about to bring when it was cut off; by UID. */
  brought(name: string, uidValidity: number): Map<number, Brought>
  /** Replaces all of it, and what was aimed at and brought. On the disk when this returns. */
  keep(all: ReadonlyMap<string, Known>): void
  /** On the disk when this returns. */
  aim(all: ReadonlyMap<string, Aim>): void
  /** On the disk when this returns. */
  bring(name: string, uidValidity: number, uid: number, message: Brought): void
}

export function hasRecord(folder: string, migrationId: string): boolean {
  return existsSync(fileIn(folder, migrationId))
}

export function removeRecord(folder: string, migrationId: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${fileIn(folder, migrationId)}${end}`, { force: true })
}

export function openRecord(folder: string, migrationId: string): FlippedRecord {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = fileIn(folder, migrationId)
  const database = new DatabaseSync(path, { timeout: BUSY_LIMIT_MS })
  chmodSync(path, 0o600)
  giveTo(path, statSync(folder))
  database.exec(`pragma journal_mode = wal; pragma synchronous = full; ${TABLES}`)
  return {
    get known() {
      return readKnown(database)
    },
    uids: (name, uidValidity) => readUids(database, name, uidValidity),
    get aims() {
      return readAims(database)
    },
    ...broughtIn(database),
    keep: (all) => atOnce(database, () => writeKnown(database, all)),
    aim: (all) => atOnce(database, () => writeAims(database, all)),
    [Symbol.dispose]: () => database.close(),
  }
}

function fileIn(folder: string, migrationId: string): string {
  return join(folder, `postferry-flipped-${migrationId}.sqlite`)
}

function readKnown(database: DatabaseSync): Map<string, Known> {
  const rows = database.prepare('select name, uid_validity, here, uid_next, modseq from known').all() as {
    name: string
    uid_validity: number
    here: number
    uid_next: number
    modseq: string | null
  }[]
  const select = database.prepare('select uid, flags from message where name = ? order by uid')
  return new Map(
    rows.map(({ name, uid_validity: uidValidity, here, uid_next: uidNext, modseq }) => {
      const messages = select.all(name) as { uid: number; flags: string }[]
      return [
        name,
        { uidValidity, here, uidNext, modseq, messages: new Map(messages.map(({ uid, flags }) => [uid, flags])) },
      ]
    }),
  )
}

function readUids(database: DatabaseSync, name: string, uidValidity: number): ReadonlySet<number> | null {
  const isKnown = database.prepare('select 1 from known where name = ? and uid_validity = ?').get(name, uidValidity)
  const brought = [...broughtIn(database).brought(name, uidValidity).keys()]
  if (isKnown === undefined) return brought.length === 0 ? null : new Set(brought)
  const rows = database.prepare('select uid from message where name = ?').all(name) as { uid: number }[]
  return new Set([...rows.map(({ uid }) => uid), ...brought])
}

function writeKnown(database: DatabaseSync, all: ReadonlyMap<string, Known>): void {
  for (const table of ['known', 'message', 'aim', 'aimed', 'brought']) database.exec(`delete from ${table}`)
  const folder = database.prepare('insert into known values (?, ?, ?, ?, ?)')
  const message = database.prepare('insert into message values (?, ?, ?)')
  for (const [name, { uidValidity, here, uidNext, modseq, messages }] of all) {
    folder.run(name, uidValidity, here, uidNext, modseq)
    for (const [uid, flags] of messages) message.run(name, uid, flags)
  }
}

function readAims(database: DatabaseSync): Map<string, Aim> {
  const rows = database.prepare('select name, here from aim').all() as { name: string; here: number }[]
  const select = database.prepare('select uid, flags, size from aimed where name = ? order by uid')
  return new Map(
    rows.map(({ name, here }) => {
      const messages = select.all(name) as { uid: number; flags: string; size: number }[]
      return [name, { here, messages: new Map(messages.map(({ uid, flags, size }) => [uid, { flags, size }])) }]
    }),
  )
}

function writeAims(database: DatabaseSync, all: ReadonlyMap<string, Aim>): void {
  for (const table of ['aim', 'aimed']) database.exec(`delete from ${table}`)
  const folder = database.prepare('insert into aim values (?, ?)')
  const message = database.prepare('insert into aimed values (?, ?, ?, ?)')
  for (const [name, { here, messages }] of all) {
    folder.run(name, here)
    for (const [uid, { flags, size }] of messages) message.run(name, uid, flags, size)
  }
}

function broughtIn(database: DatabaseSync): Pick<FlippedRecord, 'brought' | 'bring'> {
  const select = database.prepare('select uid, digest, date from brought where name = ? and uid_validity = ?')
  const insert = database.prepare('insert or replace into brought values (?, ?, ?, ?, ?)')
  return {
    brought(name, uidValidity) {
      const rows = select.all(name, uidValidity) as { uid: number; digest: string; date: number }[]
      return new Map(rows.map(({ uid, digest, date }) => [uid, { digest, date }]))
    },
    bring: (name, uidValidity, uid, { digest, date }) => void insert.run(name, uidValidity, uid, digest, date),
  }
}
