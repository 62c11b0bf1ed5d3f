import type { Delivered } from '../../copying/ports.ts'
import type { DestinationMail, DigestCache, EngineRecords } from '../../ledger/ports.ts'
import { liveFolders, type Shown } from './both.ts'
import { type LiveMessage, MirrorContent, readLive } from './content.ts'
import { keywordsOf, lettersOf } from './flags.ts'
import type { MergeFolder } from './folders.ts'
import type { Merged } from './merged.ts'
import type { Place } from './place.ts'
import type { LeftAt } from './returned.ts'
import type { Session } from './session.ts'

/** The sync state that all engines share. */
export interface SyncStates extends EngineRecords {
  /** On the disk when this returns. */
  note(migrationId: string, delivered: Delivered): void
  /** Keeps other engines from copying until it is disposed. Null: one is at it. */
  lock(migrationId: string): Promise<Disposable | null>
  /** Whether something was copied into a directory. */
  isCopied(migrationId: string, directory: string): boolean
}

export interface MergeDeps {
  readonly migrationId: string
  readonly place: Place
  readonly session: Session
  readonly states: SyncStates
  readonly merged: Merged
  /** Null: no flip has brought the person here. */
  readonly left: LeftAt | null
  readonly destination: DestinationMail
  readonly digests: DigestCache
  /** This attempt has found the mailbox in use empty, and noted what it has brought. */
  readonly isNoted: boolean
  readonly signal: AbortSignal
  onMessage(): void
}

/** The three sides of a merge: the mirror, the mailbox in use, and what is known of earlier ones. */
export class Sides {
  readonly deps: MergeDeps
  readonly content: MirrorContent
  /** Of the mailbox in use, by name. */
  folders: ReadonlyMap<string, Shown> = new Map()
  #live: Promise<LiveMessage[]> | undefined

  constructor(deps: MergeDeps) {
    this.deps = deps
    this.content = new MirrorContent(deps)
  }

  /** How many messages the mailbox in use has. */
  get messages(): number {
    return [...this.folders.values()].reduce((sum, { messages }) => sum + messages, 0)
  }

  async readFolders(): Promise<void> {
    this.folders = await liveFolders(this.deps.session)
  }

  /** The system flags of the folder's merged messages as they were merged last, by UID. */
  known({ directory, uidValidity }: MergeFolder): ReadonlyMap<number, string> {
    const { states, migrationId } = this.deps
    return states.syncState(migrationId, directory, uidValidity)?.flagsOf ?? new Map()
  }

  /** Digests of the messages that were merged and that the source still has. */
  async mergedDigests(folder: MergeFolder): Promise<Map<number, string>> {
    const uids = [...this.known(folder).keys()].filter((uid) => folder.messages.has(uid))
    return await this.content.known(folder, uids)
  }

  /** The mailbox in use before anything was copied. */
  live(): Promise<LiveMessage[]> {
    const { place, signal } = this.deps
    this.#live ??= readLive(place, this.deps, signal)
    return this.#live
  }

  /** Notes as merged, with the flags that the source has now. */
  note(folder: MergeFolder, uids: readonly number[]): void {
    // Each note waits for the disk.
    if (uids.length > 0) noteFolder(folder, uids, this.deps)
  }
}

/** Notes messages of a folder as merged. */
export function noteFolder(
  folder: MergeFolder,
  uids: readonly number[],
  { states, merged, migrationId }: Pick<MergeDeps, 'states' | 'merged' | 'migrationId'>,
): void {
  const { directory, uidValidity, messages } = folder
  const flags = uids.map((uid) => [uid, messages.get(uid) ?? []] as const)
  merged.setKeywords(folder, new Map(flags.map(([uid, all]) => [uid, keywordsOf(all)])))
  const flagsOf = new Map(flags.map(([uid, all]) => [uid, lettersOf(all)]))
  states.note(migrationId, { directory, uidValidity, flagsOf })
}
