import { batchesOf } from '../model/batches.ts'
import {
  type Difference,
  type FolderState,
  type Ledger,
  type LedgerFolder,
  LISTED_PER_KIND,
  noCounts,
} from '../model/ledger.ts'
import { type Mailbox, titleOf } from '../model/mailbox.ts'
import { UidSet } from '../model/uid-set.ts'
import { type Explained, explainUnpaired, type Paired } from './explain-unpaired.ts'
import { type DigestedMessage, type Evidence, FolderFindings, pairMessages } from './pair-messages.ts'
import type {
  DestinationTree,
  DigestCache,
  EngineRecords,
  Opened,
  SourceMessage,
  SourceSession,
  Whose,
} from './ports.ts'
import type { VerifyOptions } from './verify.ts'

export interface ComparisonDeps {
  readonly migrationId: string
  readonly whose: Whose
  readonly source: SourceSession
  readonly destination: DestinationTree
  readonly digests: DigestCache
  readonly engine: EngineRecords
  /** The folders of the last ledger, by name. */
  readonly lastFolders: ReadonlyMap<string, LedgerFolder>
  readonly options: VerifyOptions
}

/** A folder that was read on both sides. */
interface ReadFolder extends Paired {
  readonly uidValidity: number
  /** Of all messages that the source lists, ascending. */
  readonly uids: readonly number[]
  /** How many more it counts. */
  readonly unlisted: number
}

type UnreadableFolder = { readonly mailbox: Mailbox; readonly directory: string; readonly refusal: string }

const BATCH = 500
/** So many folders are asked for before they are compared. */
const FORESEEN = 20
const NONE = { source: new Set<string>(), destination: new Set<string>() }
const EVERYTHING = { accepted: { has: () => true }, acceptedUnlisted: Number.POSITIVE_INFINITY }

export class Comparison {
  readonly #deps: ComparisonDeps
  readonly #differences: Difference[] = []
  readonly #listed = noCounts()
  #subscribed: Record<'source' | 'destination', ReadonlySet<string>> = NONE
  #messages = 0
  #fetched = 0

  constructor(deps: ComparisonDeps) {
    this.#deps = deps
  }

  async run(): Promise<Pick<Ledger, 'folders' | 'fetched' | 'differences'>> {
    const { source, destination, engine, digests } = this.#deps
    const all = await source.mailboxes()
    this.#subscribed = { source: await source.subscribed(), destination: await destination.subscribed() }
    const listed = all.map(({ mailbox }) => mailbox)
    const directories = (await engine.directoriesFor?.(this.#deps.whose, listed)) ?? engine.directoriesOf(listed)
    const wanted = all.filter((each) => each.wanted).map(({ mailbox }) => mailbox)
    wanted.sort((a, b) => (a.name < b.name ? -1 : 1))
    const results: (ReadFolder | UnreadableFolder)[] = []
    for (const [at, mailbox] of wanted.entries()) {
      const onProgress = () => this.#showProgress(mailbox, at + 1, wanted.length)
      onProgress()
      const next = wanted.slice(at + 1, at + 1 + FORESEEN)
      const opened = await source.examine(mailbox, { listings: digests.listings, next })
      results.push(await this.#readFolder(mailbox, directories.get(mailbox.name) ?? '', opened, onProgress))
    }
    const read = results.filter((result) => 'findings' in result)
    const explained = explainUnpaired(read, await this.#messagesElsewhere(read), destination.titleOf)
    const taken = new Set(directories.values())
    const folders = results.map((result) => {
      return 'findings' in result
        ? this.#conclude(result, explained.get(result) as Explained, taken)
        : this.#unreadable(result)
    })
    return { folders, fetched: this.#fetched, differences: this.#differences }
  }

  #showProgress(mailbox: Mailbox, number: number, of: number): void {
    const { watch, signal } = this.#deps.options
    signal?.throwIfAborted()
    watch?.({ folder: titleOf(mailbox), number, of, messages: this.#messages, fetched: this.#fetched })
  }

  async #readFolder(
    mailbox: Mailbox,
    directory: string,
    opened: Opened,
    onProgress: () => void,
  ): Promise<ReadFolder | UnreadableFolder> {
    const { destination } = this.#deps
    if ('refusal' in opened) return { mailbox, directory, refusal: opened.refusal }
    const { uidValidity, messages, unlisted } = opened
    const evidence = this.#evidence(mailbox.name, directory, uidValidity, await destination.onlyKeywords(directory))
    const findings = new FolderFindings(mailbox.name, directory, evidence, (difference) => this.#list(difference))
    for (const message of unlisted) findings.addUnlisted(message)
    this.#compareSubscription(findings)
    const digested = await this.#digest(mailbox.name, uidValidity, messages, findings, onProgress)
    const unpaired = pairMessages(digested.messages, await destination.read(directory), findings)
    return { findings, unpaired, uidValidity, uids: digested.uids, unlisted: unlisted.length }
  }

  /**
   * The messages with their digests. What the source does not hand over is a difference; what it no longer has is left
   * out.
   */
  async #digest(
    name: string,
    uidValidity: number,
    messages: readonly SourceMessage[],
    findings: FolderFindings,
    onProgress: () => void,
  ): Promise<{ messages: DigestedMessage[]; uids: number[] }> {
    const { source, digests } = this.#deps
    const { spent } = this.#deps.options
    const known = digests.messages.of(name, uidValidity)
    const digested: DigestedMessage[] = []
    const gone = new Set<number>()
    const unknown = messages.filter((message) => {
      const before = known.get(message.uid)
      if (before?.size !== message.size) return true
      digested.push({ ...message, ...before })
      return false
    })
    this.#messages += digested.length
    const present = new Set(messages.map(({ uid }) => uid))
    digests.messages.forget(
      name,
      uidValidity,
      [...known.keys()].filter((uid) => !present.has(uid)),
    )
    for (const messages of batchesOf(unknown, BATCH)) {
      const batch = new Map(messages.map((message) => [message.uid, message]))
      const fresh = new Map<number, DigestedMessage>()
      try {
        let count = 0
        for await (const { uid, ...reading } of source.read(messages, spent)) {
          count++
          const message = batch.get(uid) as SourceMessage
          if ('gone' in reading) gone.add(uid)
          else if ('unreadable' in reading) findings.add('unreadable', message, reading.unreadable, 'unknown')
          else fresh.set(uid, { ...message, ...reading })
          this.#messages++
          this.#fetched++
          onProgress()
        }
        if (count < messages.length) spent?.throwIfAborted()
      } finally {
        digests.messages.add(name, uidValidity, fresh)
      }
      digested.push(...fresh.values())
    }
    const uids = messages.map(({ uid }) => uid).filter((uid) => !gone.has(uid))
    return { messages: digested.sort((a, b) => a.uid - b.uid), uids }
  }

  /** The person may subscribe to more on the destination. */
  #compareSubscription(findings: FolderFindings): void {
    const { destination, engine, migrationId } = this.#deps
    const title = destination.titleOf(findings.directory)
    const isThere = destination.directories.includes(findings.directory)
    if (!isThere || !this.#subscribed.source.has(findings.name) || this.#subscribed.destination.has(title)) return
    findings.addSubscription(engine.subscribed(migrationId).has(title))
  }

  #evidence(name: string, directory: string, uidValidity: number, onlyKeywords: Evidence['onlyKeywords']): Evidence {
    const { lastFolders, engine, migrationId, options, whose } = this.#deps
    const last = lastFolders.get(name)
    const isSame = last?.uidValidity === uidValidity
    return {
      proved: UidSet.parse(isSame ? last.provedUids : ''),
      // What a flip that went back has noted is none: they are at the source.
      flipped: whose.isMirrored ? null : engine.flipped(migrationId, name, uidValidity),
      accepted: UidSet.parse(isSame ? last.acceptedUids : ''),
      acceptedUnlisted: isSame ? last.acceptedUnlisted : 0,
      ...(options.accept && EVERYTHING),
      syncState: engine.syncState(migrationId, directory, uidValidity),
      onlyKeywords,
    }
  }

  #list(difference: Difference): void {
    if (++this.#listed[difference.kind] <= LISTED_PER_KIND) this.#differences.push(difference)
  }

  /** The messages of directories that belong to no folder of the source, when there is something to look for. */
  async #messagesElsewhere(read: readonly ReadFolder[]) {
    const { destination } = this.#deps
    if (read.every(({ unpaired }) => unpaired.atSource.length === 0)) return []
    const own = new Set(read.map(({ findings }) => findings.directory))
    const others = destination.directories.filter((directory) => !own.has(directory))
    const messages = []
    for (const directory of others) messages.push(...(await destination.read(directory)))
    return messages
  }

  #conclude(
    { findings, unpaired, uidValidity, uids, unlisted }: ReadFolder,
    explained: Explained,
    taken: ReadonlySet<string>,
  ): LedgerFolder {
    const { destination, options } = this.#deps
    const { name, directory, counts, found, lost, accepted, acceptedUnlisted } = findings
    const renamedTo = renamedToIn(explained, unpaired.atSource.length, taken)
    const state = this.#stateOf(findings, renamedTo)
    return {
      ...{ name, directory, counts, uidValidity },
      // A folder whose absence is accepted counts as removed by its owner.
      state: options.accept && state === 'missing' ? 'removed' : state,
      remark: state === 'renamed' ? destination.titleOf(renamedTo ?? '') : null,
      ...{ messages: uids.length + unlisted, proved: found.size },
      ...{ extra: explained.extra, duplicated: unpaired.duplicated },
      provedUids: `${provedOf(uids, findings, unlisted)}`,
      ...{ lostUids: `${ascending(lost)}`, acceptedUids: `${ascending(accepted)}` },
      acceptedUnlisted,
    }
  }

  #stateOf({ name, directory, counts, evidence }: FolderFindings, renamedTo: string | null): FolderState {
    const { destination, lastFolders } = this.#deps
    if (destination.directories.includes(directory)) return 'there'
    if (renamedTo !== null) return 'renamed'
    const last = lastFolders.get(name)?.state ?? 'missing'
    const wasThere = ['there', 'renamed', 'removed'].includes(last) || evidence.flipped !== null
    return wasThere || counts.moved + counts.removed > 0 ? 'removed' : 'missing'
  }

  #unreadable({ mailbox: { name }, directory, refusal }: UnreadableFolder): LedgerFolder {
    const last = this.#deps.lastFolders.get(name)
    return {
      ...{ name, directory, state: 'unreadable', remark: refusal, counts: noCounts() },
      ...{ messages: 0, proved: 0, extra: 0, duplicated: 0, uidValidity: last?.uidValidity ?? null },
      ...{ provedUids: last?.provedUids ?? '', lostUids: '', acceptedUids: last?.acceptedUids ?? '' },
      acceptedUnlisted: last?.acceptedUnlisted ?? 0,
    }
  }
}

/** The directory that holds most of what is not in its own, unless it belongs to another folder of the source. */
function renamedToIn({ movedTo }: Explained, unpaired: number, taken: ReadonlySet<string>): string | null {
  const [target, most] = [...movedTo].sort(([, a], [, b]) => b - a)[0] ?? ['', 0]
  return most * 2 > unpaired && !taken.has(target) ? target : null
}

/** Those proved now or before. What the source does not list now may be what it listed before. */
function provedOf(uids: readonly number[], { evidence, found }: FolderFindings, unlisted: number): UidSet {
  const proved = uids.filter((uid) => evidence.proved.has(uid) || found.has(uid))
  if (unlisted === 0) return UidSet.of(proved)
  return ascending(new Set([...evidence.proved, ...proved]))
}

function ascending(uids: ReadonlySet<number>): UidSet {
  return UidSet.of([...uids].sort((a, b) => a - b))
}
