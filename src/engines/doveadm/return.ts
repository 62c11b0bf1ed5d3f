import type { MirrorReturn, SourceFolders, SourceWriter } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import type { Opened, SourceMessage } from '../../ledger/ports.ts'
import type { Mailbox, MailboxStatus } from '../../model/mailbox.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { DoveadmDeps } from './engine.ts'
import { flagsOf } from './flags.ts'
import { type Brought, type FlippedRecord, hasRecord, openRecord } from './flipped.ts'
import { type Snapshot, snapshot } from './here.ts'
import { refuseStorage } from './movable.ts'
import { openPlace, type Place } from './place.ts'
import {
  type Aim,
  changeAt,
  flagsText,
  type Known,
  type Listed,
  messagesAre,
  NO_FOLDER,
  newsIn,
  PLACEHOLDER_DIGEST,
  type Plan,
  planReturn,
  renamedTo,
} from './return-plan.ts'
import { nameFor, titlesOf } from './source-names.ts'
import type { Dovecot } from './version.ts'
import { Writing } from './writing.ts'

export async function openReturn(
  order: CopyOrder,
  credential: Credential,
  dovecot: Dovecot,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<MirrorReturn> {
  const { stateFolder } = deps.shared
  if (!hasRecord(stateFolder, order.id))
    throw new NotFlipped('what the old server had at the flip is not known on this copying host')
  await refuseStorage()
  await using opened = new AsyncDisposableStack()
  const record = opened.use(openRecord(stateFolder, order.id))
  const source = await deps.access.folders(order.provider, credential, signal)
  const place = opened.use(await openPlace(order, dovecot, {}))
  return new Return(order, credential, { deps, record, source, place, signal, held: opened.move() })
}

interface Given {
  readonly deps: DoveadmDeps
  readonly record: FlippedRecord
  readonly source: SourceFolders
  readonly place: Place
  readonly signal: AbortSignal
  readonly held: AsyncDisposable
}

class Return implements MirrorReturn {
  readonly #order: CopyOrder
  readonly #credential: Credential
  readonly #given: Given
  #source: SourceFolders
  #known: Map<string, Known>
  /** What the last `write` has made of the source. */
  #written: { readonly writing: Writing; readonly here: Snapshot } | null = null

  constructor(order: CopyOrder, credential: Credential, given: Given) {
    this.#order = order
    this.#credential = credential
    this.#given = given
    this.#source = given.source
    this.#known = given.record.known
  }

  async check(statuses: readonly MailboxStatus[]): Promise<void> {
    const { aims } = this.#given.record
    const open = statuses.filter((status) => aims.has(status.name) || !isAsKnown(status, this.#known.get(status.name)))
    const listed = await this.#list(open)
    const news = new Map<string, number[]>()
    for (const name of new Set([...this.#known.keys(), ...aims.keys(), ...listed.keys()])) {
      const isThere = statuses.some((status) => status.name === name)
      const now = listed.get(name)
      if (isThere && now === undefined) continue
      const known = this.#known.get(name) ?? renamedTo(name, { known: this.#known, aims, listed })
      const change = changeAt(known, now, aims.get(name))
      if (change !== null) throw changed(name, change)
      if (now !== undefined) news.set(name, newsIn(known, now))
    }
    await this.#proveNews(news, listed)
    this.#known = this.#seen(statuses, listed, aims)
    this.#given.record.keep(this.#known)
  }

  /** What is new there by number and size may be another message all the same: one that came when a return was cut off. */
  async #proveNews(news: ReadonlyMap<string, readonly number[]>, listed: ReadonlyMap<string, Listed>): Promise<void> {
    const expected = new Map<string, Map<number, Brought>>()
    for (const [name, uids] of news) {
      const brought = this.#given.record.brought(name, listed.get(name)?.uidValidity ?? 0)
      const foreign = uids.filter((uid) => !brought.has(uid))
      if (foreign.length > 0) throw changed(name, messagesAre(foreign.length, 'new'))
      if (uids.length > 0) expected.set(name, new Map([...brought].filter(([uid]) => uids.includes(uid))))
    }
    for (const [name, wrong] of await this.#wrongOf(expected))
      if (wrong > 0) throw changed(name, messagesAre(wrong, 'new'))
  }

  async write(): Promise<boolean> {
    const { place, deps, record, signal } = this.#given
    const here = await snapshot(place, deps.destination, signal)
    const plan = this.#plan(here)
    const writing = new Writing(plan, { here, source: this.#source, record })
    this.#written = { writing, here }
    if (writing.isNothing) return false
    const [renamed] = plan.renames
    // A Courier numbers it anew.
    if (renamed !== undefined && [...this.#known.values()].some(({ modseq }) => modseq === null))
      throw new NotFlipped(
        `${renamed.from} is called ${renamed.to} here: the old server may number a renamed folder anew`,
      )
    record.aim(aimsOf(plan, here, this.#known))
    await using writer = await this.#openWriter()
    await writing.run(writer, signal)
    return true
  }

  async prove(statuses: readonly MailboxStatus[]): Promise<void> {
    if (this.#written === null) return
    const { writing, here } = this.#written
    const { record, deps, signal } = this.#given
    this.#source = await deps.access.folders(this.#order.provider, this.#credential, signal)
    const isWritten = ({ name }: MailboxStatus) => writing.names.has(name)
    const open = statuses.filter((status) => isWritten(status) || hasChanged(status, this.#known.get(status.name)))
    this.#known = this.#seen(statuses, await this.#list(open), record.aims)
    const rest = new Writing(this.#plan(here), { here, source: this.#source, record })
    if (rest.isOfMail) throw new NotFlipped(`the old server has not become what is here: ${rest.words}`)
    await this.#proveContent(writing)
    // Not before: what is noted there as known, nobody looks at again.
    record.keep(this.#known)
    await this.#subscribe(rest)
  }

  /** With a rename some servers rename the subscription, too. */
  async #subscribe(rest: Writing): Promise<void> {
    if (rest.isNothing) return
    await using writer = await this.#openWriter()
    await rest.run(writer, this.#given.signal)
  }

  /** What was brought is there, byte for byte, and of the same date. */
  async #proveContent({ appended }: Writing): Promise<void> {
    for (const [name, wrong] of await this.#wrongOf(appended))
      if (wrong > 0) throw new NotFlipped(`${name}: ${wrong} messages did not arrive as they are here`)
    appended.clear()
  }

  /** @returns how many messages of each folder there are not as expected */
  async #wrongOf(expected: ReadonlyMap<string, ReadonlyMap<number, Brought>>): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    if (expected.size === 0) return found
    const { deps, signal } = this.#given
    const mailboxes = this.#source.mailboxes.map(({ mailbox }) => mailbox).filter(({ name }) => expected.has(name))
    const opened = await deps.access.list(this.#order.provider, this.#credential, mailboxes, signal)
    await using writer = await this.#openWriter()
    for (const [name, messages] of expected) {
      const there = new Map(listedIn(opened.get(name)).map((message) => [message.uid, message]))
      const some = [...messages.keys()].flatMap((uid) => there.get(uid) ?? [])
      await writer.open(name)
      const digests = await writer.digests(some)
      const wrong = [...messages].filter(([uid, { digest, date }]) => {
        const isDated = digest === PLACEHOLDER_DIGEST || there.get(uid)?.date === date
        return digests.get(uid) !== digest || !isDated
      })
      found.set(name, wrong.length)
    }
    return found
  }

  /** Only while it is needed: to the source there is one connection at a time. */
  async #openWriter(): Promise<SourceWriter> {
    const { deps, signal } = this.#given
    return await deps.access.writer(this.#order.provider, this.#credential, signal)
  }

  #plan(here: Snapshot) {
    return planReturn({
      known: this.#known,
      names: titlesOf(this.#source, this.#given.deps),
      here: here.folders,
      nameOf: (title) => nameFor(title, this.#source),
    })
  }

  async #list(statuses: readonly MailboxStatus[]): Promise<Map<string, Listed>> {
    const { deps, signal } = this.#given
    const names = new Set(statuses.map(({ name }) => name))
    const mailboxes: Mailbox[] = this.#source.mailboxes.flatMap(({ mailbox }) =>
      names.has(mailbox.name) ? [mailbox] : [],
    )
    const opened = await deps.access.list(this.#order.provider, this.#credential, mailboxes, signal)
    const found = new Map<string, Listed>()
    for (const [name, one] of opened) {
      if ('refusal' in one || one.unlisted.length > 0) throw new NotFlipped(`the old server does not list ${name}`)
      const messages = one.messages.map(({ uid, size, flags, keywords }) => {
        return [uid, { size, flags: flagsText(flagsOf(flags, keywords)) }] as const
      })
      found.set(name, { uidValidity: one.uidValidity, messages: new Map(messages) })
    }
    return found
  }

  /** The source as it is now, of which the listed folders were looked at. */
  #seen(
    statuses: readonly MailboxStatus[],
    listed: ReadonlyMap<string, Listed>,
    aims: ReadonlyMap<string, Aim>,
  ): Map<string, Known> {
    const known = new Map<string, Known>()
    for (const { name, uidNext, uidValidity, highestModseq: modseq } of statuses) {
      const before = this.#known.get(name)
      const now = listed.get(name)
      const messages = now && new Map([...now.messages].map(([uid, { flags }]) => [uid, flags]))
      const here = aims.get(name)?.here ?? before?.here ?? Number(uidValidity)
      known.set(name, {
        ...{ here, uidNext, modseq, uidValidity: Number(uidValidity) },
        messages: messages ?? before?.messages ?? new Map(),
      })
    }
    return known
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#given.held[Symbol.asyncDispose]()
  }
}

/** What tells nothing of changed marks never is. */
function isAsKnown(status: MailboxStatus, known: Known | undefined): boolean {
  return status.highestModseq !== null && !hasChanged(status, known)
}

function hasChanged(
  { uidValidity, uidNext, messages, highestModseq }: MailboxStatus,
  known: Known | undefined,
): boolean {
  if (known === undefined || highestModseq !== known.modseq) return true
  return Number(uidValidity) !== known.uidValidity || uidNext !== known.uidNext || messages !== known.messages.size
}

function changed(name: string, change: string): NotFlipped {
  return new NotFlipped(`the old server has changed since the flip: ${name}: ${change}`)
}

function aimsOf({ names, former, above }: Plan, here: Snapshot, known: ReadonlyMap<string, Known>): Map<string, Aim> {
  const gone = [...former, ...above].map((name) => {
    return [name, { here: known.get(name)?.here ?? NO_FOLDER, messages: new Map() }] as const
  })
  return new Map([...gone, ...[...names].map(([title, name]) => [name, aimOf(title, here)] as const)])
}

function aimOf(title: string, here: Snapshot): Aim {
  const none = { uidValidity: NO_FOLDER, messages: new Map<number, string>() }
  const { uidValidity, messages } = here.folders.get(title) ?? none
  const all = [...messages].map(([uid, flags]) => [uid, { flags, size: here.sizeOf(title, uid) }] as const)
  return { here: uidValidity, messages: new Map(all) }
}

function listedIn(opened: Opened | undefined): SourceMessage[] {
  return opened === undefined || 'refusal' in opened ? [] : opened.messages
}
