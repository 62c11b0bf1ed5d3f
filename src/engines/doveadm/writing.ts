import type { SourceFolders, SourceWriter } from '../../copying/ports.ts'
import { digestOf } from '../../model/message-digest.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { Snapshot } from './here.ts'
import { type FolderPlan, PLACEHOLDER, type Plan } from './return-plan.ts'

interface WritingDeps {
  readonly here: Snapshot
  readonly source: SourceFolders
}

/** By what a message is known again that was brought. */
interface Brought {
  readonly digest: string
  readonly date: number
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
    for (const { from, to } of renames) await writer.rename(from, to)
    for (const name of remake) {
      await writer.remove(name)
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
    for (const name of removes) await writer.remove(name)
  }

  /** Each under the UID that it has here: what has none any more is stood for by a placeholder. */
  async #append(
    { name, title, append, uidNext }: FolderPlan,
    writer: SourceWriter,
    signal: AbortSignal,
  ): Promise<void> {
    const { here } = this.#deps
    let { uidNext: next } = await writer.open(name)
    const placeholders: number[] = []
    const brought = this.appended.get(name) ?? new Map<number, Brought>()
    this.appended.set(name, brought)
    const put = async (uid: number, message: Parameters<SourceWriter['append']>[1]) => {
      signal.throwIfAborted()
      if ((await writer.append(name, message)) !== uid)
        throw new NotFlipped(`${name}: mail has come at the old server meanwhile`)
      next = uid + 1
    }
    const fillTo = async (uid: number) => {
      while (next < uid) {
        placeholders.push(next)
        await put(next, { flags: ['\\Deleted'], date: 0, body: PLACEHOLDER })
      }
    }
    for (const uid of append) {
      await fillTo(uid)
      const date = here.dateOf(title, uid)
      const body = await here.bodyOf(title, uid)
      await put(uid, { date, body, flags: wordsOf(here.folders.get(title)?.messages.get(uid) ?? '') })
      brought.set(uid, { digest: digestOf(body), date })
    }
    await fillTo(uidNext)
    await writer.expunge(placeholders)
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
