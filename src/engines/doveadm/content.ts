import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { piecesOf } from '../../files/pieces.ts'
import { openRegular } from '../../files/regular-file.ts'
import type { DestinationMail, DigestCache, EngineRecords } from '../../ledger/ports.ts'
import { Digesting } from '../../model/message-digest.ts'
import { Told } from '../../model/not-flipped.ts'
import { UidSet } from '../../model/uid-set.ts'
import type { Present } from './adopt.ts'
import { liveNames, openMirrored } from './both.ts'
import { readTable } from './doveadm.ts'
import { flagsOf } from './flags.ts'
import type { MergeFolder } from './folders.ts'
import { foldersOf, messagesOf } from './mirror.ts'
import type { Place } from './place.ts'
import type { Session } from './session.ts'
import { digestsOf, shownMessages } from './shown.ts'

/** A message of the mailbox in use. */
export interface LiveMessage extends Present {
  readonly flags: readonly string[]
}

interface FilesDeps {
  readonly destination: DestinationMail
  readonly digests: DigestCache
}

interface LiveDeps extends FilesDeps {
  readonly session: Session
  readonly states: Pick<EngineRecords, 'directoriesOf'>
}

/** How often the mailbox is read again in which messages move meanwhile. */
const TRIES = 5

/** The mailbox in use, with the digest of each message: what the last ledger has read is not read again. */
export async function readLive(place: Place, deps: LiveDeps, signal: AbortSignal): Promise<LiveMessage[]> {
  if (!place.isPlain) return await readShown(deps, signal)
  return await readFiles(place, deps, signal)
}

/** The same of a plain Maildir. */
export async function readFiles(place: Place, deps: FilesDeps, signal: AbortSignal): Promise<LiveMessage[]> {
  for (let tries = 1; ; tries++) {
    const { found, listed } = await readOnce(place, deps, signal)
    if (found.length === listed) return found
    if (tries === TRIES) throw new Told('the mailbox cannot be read as a whole, or changes faster')
  }
}

/** The same of one that nobody uses. @throws Told where it has messages that Dovecot does not show */
export async function readAllFiles(place: Place, deps: FilesDeps, signal: AbortSignal): Promise<LiveMessage[]> {
  for (let tries = 1; ; tries++) {
    const { found, listed, unshown } = await readOnce(place, deps, signal)
    const [first] = unshown
    if (found.length === listed && first === undefined) return found
    if (tries === TRIES) throw new Told(`Dovecot does not show all of ${join(place.home, 'Maildir', first ?? '')}`)
  }
}

/** As Dovecot shows it. */
async function readShown({ session, digests, states }: LiveDeps, signal: AbortSignal): Promise<LiveMessage[]> {
  const found: LiveMessage[] = []
  for (const [directory, name] of await liveNames(session, states)) {
    signal.throwIfAborted()
    const { messages, files } = await shownMessages(session, name, digests.files.of(directory))
    digests.files.keep(directory, files)
    for (const { uid, digest, flags, keywords } of messages) {
      found.push({ directory, uid, digest, flags: flagsOf(flags, keywords) })
    }
  }
  return found
}

interface Look {
  readonly found: LiveMessage[]
  /** How many messages Dovecot lists. */
  readonly listed: number
  /** Directories with messages that it does not. */
  readonly unshown: readonly string[]
}

async function readOnce(place: Place, { destination, digests }: FilesDeps, signal: AbortSignal): Promise<Look> {
  const tree = await destination.open(place.home, digests.files, () => () => null)
  const folders = await foldersOf(place, place.live, signal)
  const byGuid = await messagesOf(place, place.live, signal)
  const found: LiveMessage[] = []
  const listed = [...byGuid.values()].reduce((sum, messages) => sum + messages.length, 0)
  const unshown: string[] = []
  for (const directory of tree.directories) {
    signal.throwIfAborted()
    const there = await tree.read(directory)
    const known = digests.files.of(directory)
    const { guid = '' } = folders.get(tree.titleOf(directory)) ?? {}
    const shown = byGuid.get(guid) ?? []
    if (shown.length < there.length) unshown.push(directory)
    for (const { uid, file, flags } of shown) {
      const { digest } = known.get(file) ?? {}
      if (digest !== undefined) found.push({ directory, uid, digest, flags })
    }
  }
  return { found, listed, unshown }
}

/** The digests of all that is in a plain Maildir in use, wherever it is; Dovecot is not asked. */
export async function digestsIn(home: string, { destination, digests }: FilesDeps): Promise<Set<string>> {
  const tree = await destination.open(home, digests.files, () => () => null)
  const found = new Set<string>()
  for (const directory of tree.directories) {
    for (const { digest } of await tree.read(directory)) found.add(digest)
  }
  return found
}

interface ContentDeps extends LiveDeps {
  readonly place: Place
  readonly signal: AbortSignal
}

/** Of more messages or folders, the whole mirror is looked at once. */
const FEW_UIDS = 100
const FEW_FOLDERS = 3

/** Where a folder's messages lie in the mirror: the paths of their files by UID. */
type Paths = ReadonlyMap<number, string>

/** The digests of the mirror's messages; what a ledger has read at the source need not be read again. */
export class MirrorContent {
  readonly #deps: ContentDeps
  /** By the folder's name. */
  #paths: Promise<ReadonlyMap<string, Paths>> | undefined
  /** How many folders were looked at alone. */
  #few = 0

  constructor(deps: ContentDeps) {
    this.#deps = deps
  }

  /** Of merged messages. */
  async known(folder: MergeFolder, uids: readonly number[]): Promise<Map<number, string>> {
    const known = this.#deps.digests.messages.of(folder.mailbox.name, folder.uidValidity)
    const found = await this.read(
      folder,
      uids.filter((uid) => !known.has(uid)),
    )
    for (const uid of uids) {
      const { digest } = known.get(uid) ?? {}
      if (digest !== undefined) found.set(uid, digest)
    }
    return found
  }

  /** As they are in the mirror: some storages cannot keep every byte that the source has. */
  async read(folder: MergeFolder, uids: readonly number[]): Promise<Map<number, string>> {
    const found = new Map<number, string>()
    if (uids.length === 0) return found
    const { place, session } = this.#deps
    if (!place.isPlain) {
      await openMirrored(session, folder.from)
      for (const [uid, { digest }] of await digestsOf(session, uids)) found.set(uid, digest)
      return found
    }
    const paths = await this.#pathsOf(folder.from, uids)
    for (const uid of uids) {
      const path = paths.get(uid)
      const digest = path === undefined ? null : await digestOf(path)
      if (digest !== null) found.set(uid, digest)
    }
    return found
  }

  async #pathsOf(name: string, uids: readonly number[]): Promise<Paths> {
    const isFew = uids.length <= FEW_UIDS && this.#few < FEW_FOLDERS && !/[*?%]/.test(name)
    if (this.#paths === undefined && isFew) {
      this.#few++
      const found = await this.#fewPaths(name, uids)
      if (found.size === uids.length) return found
    }
    this.#paths ??= this.#allPaths()
    return (await this.#paths).get(name) ?? new Map()
  }

  /** Without looking at the rest of a large mirror. */
  async #fewPaths(name: string, uids: readonly number[]): Promise<Paths> {
    const { place, destination, digests, signal } = this.#deps
    const { titleOf, directories } = await destination.open(place.mirrorHome, digests.files, () => () => null)
    const directory = directories.find((one) => titleOf(one) === name)
    if (directory === undefined) return new Map()
    const files = await filesIn(join(place.mirrorHome, 'Maildir', directory))
    const found = new Map<number, string>()
    const query = ['mailbox', name, 'uid', `${UidSet.of(uids)}`]
    // A name may look like an option.
    const args = ['fetch', '-u', place.mirror, '--', 'uid storageid', ...query]
    await readTable(place, args, signal, ({ uid, storageid = '' }) => {
      const path = files.get(storageid)
      if (path !== undefined) found.set(Number(uid), path)
    })
    return found
  }

  async #allPaths(): Promise<ReadonlyMap<string, Paths>> {
    const { place, destination, digests, signal } = this.#deps
    const { titleOf, directories } = await destination.open(place.mirrorHome, digests.files, () => () => null)
    const folders = await foldersOf(place, place.mirror, signal)
    const messages = await messagesOf(place, place.mirror, signal)
    const found = new Map<string, Paths>()
    for (const directory of directories) {
      const name = titleOf(directory)
      const files = await filesIn(join(place.mirrorHome, 'Maildir', directory))
      const all = messages.get(folders.get(name)?.guid ?? '') ?? []
      found.set(name, new Map(all.flatMap(({ uid, file }) => (files.has(file) ? [[uid, files.get(file) ?? '']] : []))))
    }
    return found
  }
}

async function digestOf(path: string): Promise<string | null> {
  await using file = await openRegular(path)
  if (file === null) return null
  const digesting = new Digesting()
  for await (const piece of piecesOf(file)) digesting.add(piece)
  return digesting.result().digest
}

/** By the file's name without flags. */
export async function filesIn(maildir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const part of ['cur', 'new']) {
    const folder = join(maildir, part)
    for (const name of await readdir(folder)) found.set(name.split(':2,')[0] ?? '', join(folder, name))
  }
  return found
}
