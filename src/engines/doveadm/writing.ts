import type { SourceFolders, SourceWriter, WrittenMessage } from '../../copying/ports.ts'
import { digestOf } from '../../model/message-digest.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { Brought, FlippedRecord } from './flipped.ts'
import type { Snapshot } from './here.ts'
import { type FolderPlan, PLACEHOLDER, PLACEHOLDER_DIGEST, type Plan } from './return-plan.ts'

interface WritingDeps {
  readonly here: Snapshot
  readonly source: SourceFolders
  /** Notes what is about to be brought. */
  readonly record: Pick<FlippedRecord, 'bring'>
}

interface Subscription {
  readonly name: string
  readonly isSubscribed: boolean
}

/**
 * Carries out what makes the source the same as the mailbox here. What comes is there before what goes is removed: whoever
 * is cut off has lost nothing.
 */
export class Writing {
  readonly #plan: Plan
  readonly #deps: WritingDeps
  readonly #subscriptions: readonly Subscription[]
  /** What was brought, by the source's name and UID. */
  readonly appended = new Map<string, Map<number, Brought>>()

  constructor(plan: Plan, deps: WritingDeps) {
    this.#plan = plan
    this.#deps = deps
    this.#subscriptions = subscriptionsIn(plan, deps)
  }

  get isNothing(): boolean {
    return !this.isOfMail && this.#subscriptions.length === 0
  }

  /** Something of messages and folders, and not of subscriptions alone. */
  get isOfMail(): boolean {
    const { renames, remake, creates, removes, folders } = this.#plan
    return [renames, remake, creates, removes, folders].some((list) => list.length > 0)
  }

  /** The folders that it writes into. */
  get names(): ReadonlySet<string> {
    const { renames, remake, creates, folders } = this.#plan
    return new Set([...renames.map(({ to }) => to), ...remake, ...creates, ...folders.map(({ name }) => name)])
  }

  get words(): string {
    const { renames, remake, creates, removes, folders } = this.#plan
    const names = [...renames.map(({ to }) => to), ...remake, ...creates, ...removes]
    return [...names, ...folders.map(wordsFor)].join('; ')
  }

  async run(writer: SourceWriter, signal: AbortSignal): Promise<void> {
    const { renames, remake, creates, removes, folders } = this.#plan
    this.#refuseLarge(writer)
    for (const { from, to } of renames) await writer.rename(from, to)
    for (const name of remake) {
      await this.#remove(name, writer)
      await writer.create(name)
    }
    for (const name of creates) await writer.create(name)
    for (const folder of folders) await this.#append(folder, writer, signal)
    for (const { name, flags, expunge } of folders) {
      if (flags.size + expunge.length === 0) continue
      await writer.open(name)
      for (const [text, uids] of flags) await writer.setFlags(uids, wordsOf(text))
      await writer.expunge(expunge)
    }
    for (const { name, isSubscribed } of this.#subscriptions) await writer.subscribe(name, isSubscribed)
    for (const name of removes) await this.#remove(name, writer)
  }

  /** Mail may come into it as long as it is there, and what was brought before may have taken its time. */
  async #remove(name: string, writer: SourceWriter): Promise<void> {
    const known = this.#plan.known.get(name)
    const { uidNext, uidValidity } = await writer.open(name)
    // A Courier numbers anew what never had a message.
    const isKnown = uidNext === known?.uidNext && (uidValidity === known.uidValidity || uidNext === 1)
    // Some servers remove no folder that is open.
    await writer.open('INBOX')
    if (!isKnown) throw new NotFlipped(`${name}: mail has come at the old server meanwhile, so it is not removed there`)
    await writer.remove(name)
  }

  /** Before anything is written. */
  #refuseLarge({ mostBytes }: SourceWriter): void {
    for (const { title, append } of this.#plan.folders) {
      const sizes = append.map((uid) => this.#deps.here.sizeOf(title, uid))
      const large = sizes.find((size) => size > mostBytes)
      if (large !== undefined)
        throw new NotFlipped(`${title}: a message of ${large} bytes is too large to be brought back`)
    }
  }

  /** Each under the UID that it has here: what has none any more is stood for by a placeholder. */
  async #append(folder: FolderPlan, writer: SourceWriter, signal: AbortSignal): Promise<void> {
    const unwanted: number[] = []
    try {
      await this.#bring(folder, writer, unwanted, signal)
    } catch (error) {
      // Often it is the connection that has failed: then the next attempt removes them.
      await writer.expunge(unwanted).catch(() => undefined)
      throw error
    }
    await writer.expunge(unwanted)
  }

  /** @param unwanted the UIDs of what is not to stay */
  async #bring(
    { name, title, append, uidNext }: FolderPlan,
    writer: SourceWriter,
    unwanted: number[],
    signal: AbortSignal,
  ): Promise<void> {
    const { here, record } = this.#deps
    const { uidNext: first, uidValidity } = await writer.open(name)
    let next = first
    const brought = this.appended.get(name) ?? new Map<number, Brought>()
    this.appended.set(name, brought)
    const put = async (uid: number, message: WrittenMessage, known: Brought) => {
      signal.throwIfAborted()
      record.bring(name, uidValidity, uid, known)
      const given = await writer.append(name, message)
      if (given !== uid) {
        unwanted.push(given)
        record.bring(name, uidValidity, given, known)
        throw new NotFlipped(`${name}: mail has come at the old server meanwhile`)
      }
      next = uid + 1
    }
    const fillTo = async (uid: number) => {
      while (next < uid) {
        const at = next
        await put(at, { flags: ['\\Deleted'], date: 0, body: PLACEHOLDER }, { digest: PLACEHOLDER_DIGEST, date: 0 })
        unwanted.push(at)
      }
    }
    for (const uid of append) {
      await fillTo(uid)
      const date = here.dateOf(title, uid)
      const body = await here.bodyOf(title, uid)
      const known = { digest: digestOf(body), date }
      const flags = wordsOf(here.folders.get(title)?.messages.get(uid) ?? '')
      await put(uid, { date, body, flags }, known)
      brought.set(uid, known)
    }
    await fillTo(uidNext)
  }
}

function wordsFor({ name, append, flags, expunge, uidNext }: FolderPlan): string {
  const marked = [...flags.values()].reduce((sum, uids) => sum + uids.length, 0)
  const counts = [`${append.length} missing`, `${expunge.length} too many`, `${marked} with other marks`]
  return `${name}: ${counts.join(', ')}, next number ${uidNext}`
}

function wordsOf(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function subscriptionsIn({ names, renames }: Plan, { here, source }: WritingDeps): Subscription[] {
  const was = new Set(source.subscribed)
  const all = [...names].map(([title, name]) => ({ name, isSubscribed: here.subscribed.has(title) }))
  // Some servers subscribe everybody to the INBOX for ever.
  const changed = all.filter(({ name, isSubscribed }) => name !== 'INBOX' && was.has(name) !== isSubscribed)
  const gone = renames.map(({ from }) => ({ name: from, isSubscribed: false })).filter(({ name }) => was.has(name))
  return [...changed, ...gone.filter(({ name }) => !all.some((one) => one.name === name))]
}
