import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { DestinationMail } from '../../ledger/ports.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import { filesIn } from './content.ts'
import { readTable } from './doveadm.ts'
import { type Folder, readFolders } from './mirror.ts'
import { ownerOf, type Place } from './place.ts'
import { flagsText, type Here } from './return-plan.ts'

interface Message {
  readonly file: string
  /** In whole seconds since 1970. */
  readonly date: number
  /** As it goes over the wire. */
  readonly size: number
}

/** The mailbox here at one moment. */
export interface Snapshot {
  /** By what people read. */
  readonly folders: ReadonlyMap<string, Here>
  /** What people read of those that are subscribed to. */
  readonly subscribed: ReadonlySet<string>
  dateOf(title: string, uid: number): number
  sizeOf(title: string, uid: number): number
  /** As it goes over the wire. @throws NotFlipped when it is not there any more */
  bodyOf(title: string, uid: number): Promise<Buffer>
}

/** @throws NotFlipped when Dovecot does not show all of it: what is missing would be removed elsewhere */
export async function snapshot(place: Place, destination: DestinationMail, signal: AbortSignal): Promise<Snapshot> {
  const { folders, flags, files } = await readWhole(place, signal)
  const tree = await destination.open(place.home, UNKNOWN, () => () => null)
  const directories = new Map(tree.directories.map((directory) => [tree.titleOf(directory), directory]))
  const bodies = new Bodies(place)
  return {
    folders: new Map([...folders].map(([name, folder]) => [name, hereOf(folder, flags.get(name) ?? new Map())])),
    subscribed: await tree.subscribed(),
    dateOf: (title, uid) => files.get(title)?.get(uid)?.date ?? 0,
    sizeOf: (title, uid) => files.get(title)?.get(uid)?.size ?? 0,
    async bodyOf(title, uid) {
      const { file } = files.get(title)?.get(uid) ?? { file: '' }
      const body = await bodies.read(title, directories.get(title) ?? '', file)
      if (body === null) throw new NotFlipped(`${title}: message ${uid} cannot be read here`)
      return withCrLf(body)
    },
  }
}

interface Read {
  /** All by the folder's name. */
  readonly folders: ReadonlyMap<string, Folder>
  /** As `flagsText`, by UID. */
  readonly flags: ReadonlyMap<string, ReadonlyMap<number, string>>
  readonly files: ReadonlyMap<string, ReadonlyMap<number, Message>>
  /** What was not shown as a whole; null: all was. */
  readonly lacking: string | null
}

/** How often it is read again when something goes meanwhile. */
const TRIES = 5

async function readWhole(place: Place, signal: AbortSignal): Promise<Read> {
  for (let tries = 1; ; tries++) {
    const read = await readOnce(place, signal)
    if (read.lacking === null) return read
    if (tries === TRIES) throw new NotFlipped(`Dovecot does not show all of the mailbox here: ${read.lacking}`)
  }
}

async function readOnce(place: Place, signal: AbortSignal): Promise<Read> {
  const { folders, isWhole: areAll } = await readFolders(place, place.live, signal)
  const names = new Map([...folders.values()].map(({ guid, name }) => [guid, name]))
  const flagsIn = new Map([...folders.keys()].map((name) => [name, new Map<number, string>()]))
  const files = new Map([...folders.keys()].map((name) => [name, new Map<number, Message>()]))
  const fields = 'mailbox-guid uid storageid flags date.received.unixtime size.virtual'
  const isWhole = await readTable(place, ['fetch', '-u', place.live, fields, 'all'], signal, (row) => {
    const { 'mailbox-guid': guid = '', uid, storageid: file = '', flags = '' } = row
    const name = names.get(guid) ?? ''
    flagsIn.get(name)?.set(Number(uid), flagsText(flags.split(' ').filter((flag) => flag !== '')))
    files.get(name)?.set(Number(uid), {
      file,
      date: Number(row['date.received.unixtime']),
      size: Number(row['size.virtual']),
    })
  })
  const short = [...folders.values()].find(({ name, messages }) => (files.get(name)?.size ?? 0) < messages)
  return {
    folders,
    flags: flagsIn,
    files,
    lacking: short?.name ?? (areAll && isWhole ? null : 'a folder was left out'),
  }
}

/** What came between the two looks has a number of its own. */
function hereOf({ uidValidity, uidNext }: Folder, messages: ReadonlyMap<number, string>): Here {
  const next = [...messages.keys()].reduce((most, uid) => Math.max(most, uid + 1), uidNext)
  return { uidValidity, uidNext: next, messages }
}

const UNKNOWN = { of: () => new Map(), keep: () => undefined }

/** The files of the mailbox, whose names change with their flags. */
class Bodies {
  readonly #place: Place
  readonly #paths = new Map<string, ReadonlyMap<string, string>>()

  constructor(place: Place) {
    this.#place = place
  }

  async read(title: string, directory: string, file: string): Promise<Buffer | null> {
    const { home } = this.#place
    for (let tries = 1; tries <= 2; tries++) {
      const isListed = this.#paths.has(title) && tries === 1
      const paths = isListed ? this.#paths.get(title) : await filesIn(join(home, 'Maildir', directory))
      this.#paths.set(title, paths ?? new Map())
      const path = paths?.get(file)
      const body = path === undefined ? null : await readOwn(path, ownerOf(home).uid)
      if (body !== null) return body
    }
    return null
  }
}

/** A link could lead to what its owner must not read, and root may. */
async function readOwn(path: string, owner: number): Promise<Buffer | null> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    () => null,
  )
  if (file === null) return null
  const stat = await file.stat()
  return stat.isFile() && stat.uid === owner ? await file.readFile() : null
}

const CR = 13
const LF = 10

function withCrLf(body: Buffer): Buffer {
  let bare = 0
  for (let at = body.indexOf(LF); at >= 0; at = body.indexOf(LF, at + 1)) if (body[at - 1] !== CR) bare++
  if (bare === 0) return body
  const all = Buffer.alloc(body.length + bare)
  let to = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number
    if (byte === LF && body[at - 1] !== CR) all[to++] = CR
    all[to++] = byte
  }
  return all
}
