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
import { type Paired, type Settled, settle } from './explain-unpaired.ts'
import { type DigestedMessage, type Evidence, FolderFindings, pairMessages } from './pair-messages.ts'
import type { DestinationTree, DigestCache, EngineRecords, SourceMessage, SourceSession } from './ports.ts'
import type { VerifyOptions } from './verify.ts'

export interface Materials {
  readonly migrationId: string
  readonly old: SourceSession
  readonly tree: DestinationTree
  readonly digests: DigestCache
  readonly engine: EngineRecords
  /** The folders of the last ledger, by name. */
  readonly before: ReadonlyMap<string, LedgerFolder>
  readonly options: VerifyOptions
}

/** A folder that was read on both sides. */
interface ReadFolder extends Paired {
  readonly uidValidity: number
  /** All that source lists, ascending. */
  readonly uids: readonly number[]
  /** How many more it counts. */
  readonly unlisted: number
}

type Unreadable = { readonly mailbox: Mailbox; readonly directory: string; readonly refusal: string }

const BATCH = 500
const EVERYTHING = { accepted: { has: () => true }, acceptedUnlisted: Number.POSITIVE_INFINITY }

export class Comparison {
  readonly #given: Materials
  readonly #differences: Difference[] = []
  readonly #listed = noCounts()
  #messages = 0
  #fetched = 0

  constructor(given: Materials) {
    this.#given = given
  }

  async run(): Promise<Pick<Ledger, 'folders' | 'fetched' | 'differences'>> {
    const { old, engine } = this.#given
    const all = await old.mailboxes()
    const directories = engine.directoriesOf(all.map(({ mailbox }) => mailbox))
    const wanted = all.filter((each) => each.wanted).map(({ mailbox }) => mailbox)
    wanted.sort((a, b) => (a.name < b.name ? -1 : 1))
    const results: (ReadFolder | Unreadable)[] = []
    for (const [at, mailbox] of wanted.entries()) {
      const report = () => this.#report(mailbox, at + 1, wanted.length)
      results.push(await this.#readFolder(mailbox, directories.get(mailbox.name) ?? '', report))
    }
    const read = results.filter((result) => 'findings' in result)
    const settled = settle(read, await this.#elsewhere(read), (directory) => this.#given.tree.titleOf(directory))
    const taken = new Set(directories.values())
    const folders = results.map((result) => {
      return 'findings' in result
        ? this.#conclude(result, settled.get(result) as Settled, taken)
        : this.#unreadable(result)
    })
    return { folders, fetched: this.#fetched, differences: this.#differences }
  }

  #report(mailbox: Mailbox, number: number, of: number): void {
    const { watch, signal } = this.#given.options
    signal?.throwIfAborted()
    watch?.({ folder: titleOf(mailbox), number, of, messages: this.#messages, fetched: this.#fetched })
  }

  async #readFolder(mailbox: Mailbox, directory: string, report: () => void): Promise<ReadFolder | Unreadable> {
    const { old, tree, digests } = this.#given
    report()
    const opened = await old.examine(mailbox)
    if ('refusal' in opened) return { mailbox, directory, refusal: opened.refusal }
    const { uidValidity, messages, unlisted } = opened
    const evidence = this.#evidence(mailbox.name, directory, uidValidity)
    const findings = new FolderFindings(mailbox.name, directory, evidence, (difference) => this.#list(difference))
    for (const message of unlisted) findings.tellUnlisted(message)
    const digested = await this.#digest(mailbox.name, uidValidity, messages, findings, report)
    const known = digests.messages.of(mailbox.name, uidValidity)
    const present = new Set(messages.map(({ uid }) => uid))
    const gone = [...known.keys()].filter((uid) => !present.has(uid))
    digests.messages.forget(mailbox.name, uidValidity, gone)
    const left = pairMessages(digested.messages, await tree.read(directory), findings)
    return { findings, left, uidValidity, uids: digested.uids, unlisted: unlisted.length }
  }

  /**
   * The messages with their digests; what the source does not hand over is told, what it has lost meanwhile left out.
   */
  async #digest(
    name: string,
    uidValidity: number,
    messages: readonly SourceMessage[],
    findings: FolderFindings,
    report: () => void,
  ): Promise<{ messages: DigestedMessage[]; uids: number[] }> {
    const { old, digests } = this.#given
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
    for (let start = 0; start < unknown.length; start += BATCH) {
      const batch = new Map(unknown.slice(start, start + BATCH).map((message) => [message.uid, message]))
      const fresh = new Map<number, DigestedMessage>()
      try {
        for await (const { uid, ...reading } of old.read([...batch.values()])) {
          const message = batch.get(uid) as SourceMessage
          if ('gone' in reading) gone.add(uid)
          else if ('unreadable' in reading) findings.tell('unreadable', message, reading.unreadable, 'unknown')
          else fresh.set(uid, { ...message, ...reading })
          this.#messages++
          this.#fetched++
          report()
        }
      } finally {
        digests.messages.add(name, uidValidity, fresh)
      }
      digested.push(...fresh.values())
    }
    const uids = messages.map(({ uid }) => uid).filter((uid) => !gone.has(uid))
    return { messages: digested.sort((a, b) => a.uid - b.uid), uids }
  }

  #evidence(name: string, directory: string, uidValidity: number): Evidence {
    const { before, engine, migrationId, options } = this.#given
    const last = before.get(name)
    const holds = last?.uidValidity === uidValidity
    return {
      proved: UidSet.parse(holds ? last.provedUids : ''),
      accepted: UidSet.parse(holds ? last.acceptedUids : ''),
      acceptedUnlisted: holds ? last.acceptedUnlisted : 0,
      ...(options.accept && EVERYTHING),
      syncState: engine.syncState(migrationId, directory, uidValidity),
    }
  }

  #list(difference: Difference): void {
    if (++this.#listed[difference.kind] <= LISTED_PER_KIND) this.#differences.push(difference)
  }

  /** What is in directories that are no folder's of the source, when something is looked for. */
  async #elsewhere(read: readonly ReadFolder[]) {
    const { tree } = this.#given
    if (read.every(({ left }) => left.atSource.length === 0)) return []
    const own = new Set(read.map(({ findings }) => findings.directory))
    const others = tree.directories.filter((directory) => !own.has(directory))
    const messages = []
    for (const directory of others) messages.push(...(await tree.read(directory)))
    return messages
  }

  #conclude(
    { findings, left, uidValidity, uids, unlisted }: ReadFolder,
    settled: Settled,
    taken: ReadonlySet<string>,
  ): LedgerFolder {
    const { tree, options } = this.#given
    const { name, directory, counts, found, lost, accepted, acceptedUnlisted } = findings
    const renamedTo = this.#renamedTo(left.atSource.length, settled, taken)
    const state = this.#stateOf(findings, renamedTo)
    return {
      ...{ name, directory, counts, uidValidity },
      // An accepted absence is as if somebody had removed the folder.
      state: options.accept && state === 'missing' ? 'removed' : state,
      remark: state === 'renamed' ? tree.titleOf(renamedTo ?? '') : null,
      ...{ messages: uids.length + unlisted, proved: found.size, extra: settled.extra, duplicated: left.duplicated },
      provedUids: `${provedOf(uids, findings, unlisted)}`,
      ...{ lostUids: `${ascending(lost)}`, acceptedUids: `${ascending(accepted)}` },
      acceptedUnlisted,
    }
  }

  /**
   * Where most of the messages that are not in their directory are together, and nothing of the source's has its place.
   */
  #renamedTo(looked: number, { movedTo }: Settled, taken: ReadonlySet<string>): string | null {
    const [target, most] = [...movedTo].sort(([, a], [, b]) => b - a)[0] ?? ['', 0]
    return most * 2 > looked && !taken.has(target) ? target : null
  }

  #stateOf({ name, directory, counts }: FolderFindings, renamedTo: string | null): FolderState {
    const { tree, before } = this.#given
    if (tree.directories.includes(directory)) return 'there'
    if (renamedTo !== null) return 'renamed'
    const last = before.get(name)?.state ?? 'missing'
    const was = ['there', 'renamed', 'removed'].includes(last)
    return was || counts.moved + counts.removed > 0 ? 'removed' : 'missing'
  }

  #unreadable({ mailbox: { name }, directory, refusal }: Unreadable): LedgerFolder {
    const last = this.#given.before.get(name)
    return {
      ...{ name, directory, state: 'unreadable', remark: refusal, counts: noCounts() },
      ...{ messages: 0, proved: 0, extra: 0, duplicated: 0, uidValidity: last?.uidValidity ?? null },
      ...{ provedUids: last?.provedUids ?? '', lostUids: '', acceptedUids: last?.acceptedUids ?? '' },
      acceptedUnlisted: last?.acceptedUnlisted ?? 0,
    }
  }
}

/** Those that are proved now or were before. What the source does not list now may be what it listed before. */
function provedOf(uids: readonly number[], { evidence, found }: FolderFindings, unlisted: number): UidSet {
  const proved = uids.filter((uid) => evidence.proved.has(uid) || found.has(uid))
  if (unlisted === 0) return UidSet.of(proved)
  return ascending(new Set([...evidence.proved, ...proved]))
}

function ascending(uids: ReadonlySet<number>): UidSet {
  return UidSet.of([...uids].sort((a, b) => a - b))
}
