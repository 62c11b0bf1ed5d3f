import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openRegular } from '../../files/regular-file.ts'
import type { DestinationMail, DigestCache } from '../../ledger/ports.ts'
import { Digesting } from '../../model/message-digest.ts'
import type { Present } from './adopt.ts'
import type { MergeFolder } from './folders.ts'
import { type Folder, messagesOf } from './mirror.ts'
import type { Place } from './place.ts'

/** A message of the mailbox in use, by which doveadm finds it again. */
export interface LiveMessage extends Present {
  readonly guid: string
  readonly flags: readonly string[]
}

interface LiveDeps {
  readonly destination: DestinationMail
  readonly digests: DigestCache
}

/** How often the mailbox is read again in which messages move meanwhile. */
const TRIES = 5

/** The mailbox in use, with the digest of each message: what the last ledger has read is not read again. */
export async function readLive(
  place: Place,
  folders: ReadonlyMap<string, Folder>,
  deps: LiveDeps,
  signal: AbortSignal,
): Promise<LiveMessage[]> {
  for (let tries = 1; ; tries++) {
    const { found, isWhole } = await readOnce(place, folders, deps, signal)
    if (isWhole) return found
    if (tries === TRIES) throw new Error('the mailbox cannot be read as a whole, or changes faster')
  }
}

async function readOnce(
  place: Place,
  folders: ReadonlyMap<string, Folder>,
  { destination, digests }: LiveDeps,
  signal: AbortSignal,
): Promise<{ found: LiveMessage[]; isWhole: boolean }> {
  const tree = await destination.open(place.home, digests.files, () => () => null)
  const byGuid = await messagesOf(place, place.live, signal)
  const found: LiveMessage[] = []
  const listed = [...byGuid.values()].reduce((sum, messages) => sum + messages.length, 0)
  for (const directory of tree.directories) {
    signal.throwIfAborted()
    await tree.read(directory)
    const known = digests.files.of(directory)
    const { guid = '' } = folders.get(tree.titleOf(directory)) ?? {}
    for (const { uid, file, flags } of byGuid.get(guid) ?? []) {
      const { digest } = known.get(file) ?? {}
      if (digest !== undefined) found.push({ directory, guid, uid, digest, flags })
    }
  }
  return { found, isWhole: found.length === listed }
}

/** The digests of the mirror's messages; what a ledger has read at the source need not be read again. */
export class MirrorContent {
  readonly #place: Place
  readonly #digests: DigestCache
  /** By the folder's directory: paths by the file's name without flags. */
  readonly #paths = new Map<string, Map<string, string>>()

  constructor(place: Place, digests: DigestCache) {
    this.#place = place
    this.#digests = digests
  }

  /** Of merged messages. */
  async known(folder: MergeFolder, uids: readonly number[]): Promise<Map<number, string>> {
    const known = this.#digests.messages.of(folder.mailbox.name, folder.uidValidity)
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
  async read(folder: MergeFolder, uids: Iterable<number>): Promise<Map<number, string>> {
    const found = new Map<number, string>()
    for (const uid of uids) {
      const file = folder.messages.get(uid)?.file
      const digest = file === undefined ? null : await this.#read(folder, file)
      if (digest !== null) found.set(uid, digest)
    }
    return found
  }

  async #read({ from: { directory } }: MergeFolder, file: string): Promise<string | null> {
    const path = (await this.#pathsIn(directory)).get(file)
    if (path === undefined) return null
    await using opened = await openRegular(path)
    if (opened === null) return null
    const digesting = new Digesting()
    for await (const piece of opened.createReadStream()) digesting.add(piece)
    return digesting.result().digest
  }

  async #pathsIn(directory: string): Promise<Map<string, string>> {
    const before = this.#paths.get(directory)
    if (before !== undefined) return before
    const found = new Map<string, string>()
    for (const part of ['cur', 'new']) {
      const folder = join(this.#place.mirrorHome, 'Maildir', directory, part)
      for (const name of await readdir(folder)) found.set(name.split(':2,')[0] ?? '', join(folder, name))
    }
    this.#paths.set(directory, found)
    return found
  }
}
