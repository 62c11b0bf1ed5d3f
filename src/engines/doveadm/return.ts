import type { MirrorReturn, SourceFolders, SourceWriter } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import type { Opened, SourceMessage } from '../../ledger/ports.ts'
import type { Mailbox, MailboxStatus } from '../../model/mailbox.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { DoveadmDeps } from './engine.ts'
import { flagsOf } from './flags.ts'
import { type FlippedRecord, hasRecord, openRecord } from './flipped.ts'
import { type Snapshot, snapshot } from './here.ts'
import { refuseStorage } from './movable.ts'
import { openPlace, type Place } from './place.ts'
import {
  type Aim,
  changeAt,
  flagsText,
  type Known,
  type Listed,
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
  await refuseStorage(signal)
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
    const { record } = this.#given
    const { aims } = record
    const open = statuses.filter((status) => aims.has(status.name) || !isAsKnown(status, this.#known.get(status.name)))
    const listed = await this.#list(open)
    for (const name of new Set([...this.#known.keys(), ...aims.keys(), ...listed.keys()])) {
      const isThere = statuses.some((status) => status.name === name)
      if (isThere && !listed.has(name)) continue
      const known = this.#known.get(name) ?? renamedTo(name, { known: this.#known, aims, listed })
      const change = changeAt(known, listed.get(name), aims.get(name))
      if (change !== null) throw new NotFlipped(`the old server has changed since the flip: ${name}: ${change}`)
    }
    this.#keep(statuses, listed, aims)
  }

  async write(): Promise<boolean> {
    const { place, deps, record, signal } = this.#given
    const here = await snapshot(place, deps.destination, signal)
    const plan = this.#plan(here)
    const writing = new Writing(plan, { here, source: this.#source })
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
    const aims = record.aims
    const changed = statuses.filter(({ name }) => writing.names.has(name) || !this.#known.has(name))
    const listed = await this.#list(changed)
    this.#keep(statuses, listed, aims)
    const rest = new Writing(this.#plan(here), { here, source: this.#source })
    if (rest.isOfMail) throw new NotFlipped(`the old server has not become what is here: ${rest.words}`)
    await this.#subscribe(rest)
    await this.#proveContent(writing)
  }

  /** With a rename some servers rename the subscription, too. */
  async #subscribe(rest: Writing): Promise<void> {
    if (rest.isNothing) return
    await using writer = await this.#openWriter()
    await rest.run(writer, this.#given.signal)
  }

  /** What was brought is there, byte for byte, and of the same date. */
  async #proveContent({ appended }: Writing): Promise<void> {
    const { deps, signal } = this.#given
    if (appended.size === 0) return
    const mailboxes = this.#source.mailboxes.map(({ mailbox }) => mailbox).filter(({ name }) => appended.has(name))
    const opened = await deps.access.list(this.#order.provider, this.#credential, mailboxes, signal)
    await using writer = await this.#openWriter()
    for (const [name, messages] of appended) {
      const there = new Map(listedIn(opened.get(name)).map((message) => [message.uid, message]))
      const some = [...messages.keys()].flatMap((uid) => there.get(uid) ?? [])
      await writer.open(name)
      const digests = await writer.digests(some)
      const wrong = [...messages].filter(([uid, { digest, date }]) => {
        return digests.get(uid) !== digest || there.get(uid)?.date !== date
      })
      if (wrong.length > 0) throw new NotFlipped(`${name}: ${wrong.length} messages did not arrive as they are here`)
    }
    appended.clear()
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
  #keep(statuses: readonly MailboxStatus[], listed: ReadonlyMap<string, Listed>, aims: ReadonlyMap<string, Aim>): void {
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
    this.#known = known
    this.#given.record.keep(known)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#given.held[Symbol.asyncDispose]()
  }
}

function isAsKnown(
  { uidValidity, uidNext, messages, highestModseq }: MailboxStatus,
  known: Known | undefined,
): boolean {
  if (known === undefined || highestModseq === null || highestModseq !== known.modseq) return false
  return Number(uidValidity) === known.uidValidity && uidNext === known.uidNext && messages === known.messages.size
}

function aimsOf({ names, former }: Plan, here: Snapshot, known: ReadonlyMap<string, Known>): Map<string, Aim> {
  const gone = former.map((name) => [name, { here: known.get(name)?.here ?? 0, messages: new Map() }] as const)
  return new Map([...gone, ...[...names].map(([title, name]) => [name, aimOf(title, here)] as const)])
}

function aimOf(title: string, here: Snapshot): Aim {
  const { uidValidity, messages } = here.folders.get(title) ?? { uidValidity: 0, messages: new Map<number, string>() }
  const all = [...messages].map(([uid, flags]) => [uid, { flags, size: here.sizeOf(title, uid) }] as const)
  return { here: uidValidity, messages: new Map(all) }
}

function listedIn(opened: Opened | undefined): SourceMessage[] {
  return opened === undefined || 'refusal' in opened ? [] : opened.messages
}
