import type { Flipping, MirrorFlip, SourceFolders, Tunnel } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import type { Namespace } from '../../model/account.ts'
import type { MailboxStatus } from '../../model/mailbox.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import { refuseUnsettled } from './aside.ts'
import { DoveadmError } from './doveadm.ts'
import type { DoveadmDeps } from './engine.ts'
import { carryFilters } from './filters.ts'
import { lettersOf } from './flags.ts'
import { openRecord, removeRecord } from './flipped.ts'
import { leftOut, listPrefix, type Matched, type MergeFolder, namespaceOf, unfit } from './folders.ts'
import { toDisk } from './land.ts'
import { openLastCopy } from './last-copy.ts'
import { leave } from './leave.ts'
import { listMirror } from './listed.ts'
import { ONE_BY_ONE, renewFolders, renewMirror } from './mirror.ts'
import { refuseStorage } from './movable.ts'
import { makeEmptyMirror, moveBack, moveIn, probeMoves } from './moves.ts'
import { noteMirror } from './note-mirror.ts'
import { openPlace, ownerOf, type Place, runsAs } from './place.ts'
import { sourceFields } from './reaching.ts'
import { asNamed } from './renamed.ts'
import { openReturn } from './return.ts'
import { flagsText } from './return-plan.ts'
import { whyNoSieve } from './sieve.ts'
import { mergeBefore } from './strays.ts'
import { type Dovecot, usable } from './version.ts'

export function flipping(deps: DoveadmDeps): Flipping {
  return {
    carryFilters: (order, credential, isUrgent, signal) => carryFilters(order, credential, isUrgent, deps, signal),
    whyNoFilters: () => whyNoSieve(deps.dovecotConf),
    openFlip: (order, credential, signal) => openFlip(order, credential, deps, signal),
    openLastCopy: async (order, signal) => openLastCopy(order, await plain(deps), deps, signal),
    moveBack: ({ home }, hold) => moveBack({ home, owner: runsAs(home) }, hold),
    mergeBefore: async (order, signal) => mergeBefore(order, await plain(deps), deps, signal),
    openReturn: async (order, credential, signal) => openReturn(order, credential, await plain(deps), deps, signal),
    forgetReturn: ({ id }) => removeRecord(deps.shared.stateFolder, id),
    leave: async (order, credential, isLast, signal) =>
      leave(order, credential, isLast, await plain(deps), deps, signal),
  }
}

/** @throws NotFlipped where mailboxes are no Maildir in the home, UnfitStorage where nobody copies */
async function plain({ dovecotConf }: DoveadmDeps): Promise<Dovecot> {
  const dovecot = await usable(dovecotConf)
  if (!dovecot.storage.isPlain)
    throw new NotFlipped('the mailbox is no Maildir in the home as deploy/dovecot has it: no rename puts it in place')
  return dovecot
}

async function openFlip(
  order: CopyOrder,
  credential: Credential,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<MirrorFlip> {
  const { provider } = order
  const dovecot = await plain(deps)
  await refuseStorage()
  await using opened = new AsyncDisposableStack()
  const source = await deps.access.folders(provider, credential, signal)
  const way = opened.use(await deps.access.tunnel(provider, credential, ownerOf(order.home).uid))
  const place = opened.use(await openPlace(order, dovecot, sourceFields(way, listPrefix(source))))
  const isEmpty = !source.mailboxes.some(({ wanted }) => wanted)
  if (isEmpty) await makeEmptyMirror(place, signal)
  refuseUnsettled(place)
  await probeMoves(place, signal)
  if (isEmpty) return new EmptyFlip(order, { deps, place, way, source, signal, held: opened.move() })
  return new Flip(order, credential, { deps, place, way, source, signal, held: opened.move() })
}

interface Given {
  readonly deps: DoveadmDeps
  readonly place: Place
  readonly way: Tunnel
  readonly source: SourceFolders
  readonly signal: AbortSignal
  readonly held: AsyncDisposable
}

class Flip implements MirrorFlip {
  readonly #order: CopyOrder
  readonly #credential: Credential
  readonly #given: Given
  #source: SourceFolders
  #listed: Matched | null = null

  constructor(order: CopyOrder, credential: Credential, given: Given) {
    this.#order = order
    this.#credential = credential
    this.#given = given
    this.#source = given.source
  }

  get namespace(): Namespace | null {
    return namespaceOf(this.#source)
  }

  async renew(changed: readonly string[] | null): Promise<void> {
    const { deps, place, signal } = this.#given
    const folders = changed === null || changed.length > ONE_BY_ONE ? null : this.#named(changed)
    try {
      if (folders !== null)
        await renewFolders(
          place,
          folders.map(({ from }) => from),
          signal,
        )
      else {
        const again = () => deps.access.folders(this.#order.provider, this.#credential, signal)
        await asNamed(await again(), again, async (source) => {
          this.#source = source
          await renewMirror(place, leftOut(source), { signal })
        })
      }
    } catch (error) {
      throw error instanceof DoveadmError ? new NotFlipped(this.#reason(error)) : error
    }
    this.#listed = null
  }

  #reason({ message }: DoveadmError): string {
    const code = this.#given.way.trouble()
    const away = code === null ? '' : `the old server cannot be asked: ${code}\n`
    return `${away}${message}`
  }

  /** Null: not all of them are in the mirror by now. */
  #named(names: readonly string[]): MergeFolder[] | null {
    const found = this.#listed?.folders.filter(({ mailbox }) => names.includes(mailbox.name)) ?? []
    return found.length === names.length ? found : null
  }

  async #list(): Promise<Matched> {
    if (this.#listed !== null) return this.#listed
    const { deps, place, signal } = this.#given
    const { destination, shared: states } = deps
    this.#listed = await listMirror(place, this.#source, { destination, states, signal })
    return this.#listed
  }

  async difference(names: readonly string[] | null): Promise<string | null> {
    const { deps, signal } = this.#given
    const listed = await this.#list()
    const flaw = unfit(listed)
    if (flaw !== null) return flaw
    const folders = listed.folders.filter(({ mailbox }) => names === null || names.includes(mailbox.name))
    if (names !== null && folders.length < names.length) return 'a folder has come or gone meanwhile'
    const mailboxes = folders.map(({ mailbox }) => mailbox)
    const found = await deps.access.list(this.#order.provider, this.#credential, mailboxes, signal)
    for (const folder of folders) {
      const opened = found.get(folder.mailbox.name)
      const difference = opened === undefined || 'refusal' in opened ? 'cannot be listed' : differenceOf(folder, opened)
      if (difference !== null) return `${folder.name}: ${difference}`
    }
    return null
  }

  async isSubscribedOtherwise(): Promise<boolean> {
    const { deps, signal } = this.#given
    const { subscribed: now } = await deps.access.folders(this.#order.provider, this.#credential, signal)
    const { subscribed: before } = this.#source
    return now.size !== before.size || [...now].some((name) => !before.has(name))
  }

  async note(names: readonly string[] | null): Promise<void> {
    const { deps, place, signal } = this.#given
    const { id: migrationId } = this.#order
    const { folders } = await this.#list()
    const changed = folders.filter(({ mailbox }) => names === null || names.includes(mailbox.name))
    noteMirror(folders, changed, this.#source, { migrationId, states: deps.shared })
    // doveadm leaves that to us.
    await toDisk(place, signal)
  }

  record(mailboxes: readonly MailboxStatus[]): void {
    const statuses = new Map(mailboxes.map((status) => [status.name, status]))
    using record = openRecord(this.#given.deps.shared.stateFolder, this.#order.id)
    record.keep(
      new Map(
        this.#listed?.folders.map(({ mailbox: { name }, uidValidity, messages }) => {
          const { uidNext = 0, highestModseq: modseq = null } = statuses.get(name) ?? {}
          const texts = new Map([...messages].map(([uid, flags]) => [uid, flagsText(flags)]))
          return [name, { ...{ uidValidity, uidNext, modseq }, here: uidValidity, messages: texts }]
        }),
      ),
    )
  }

  async moveIn(hold: string): Promise<void> {
    await moveIn(this.#given.place, hold, this.#given.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#given.held[Symbol.asyncDispose]()
  }
}

/** Of somebody who has no mailbox at the source: doveadm mirrors none. */
class EmptyFlip implements MirrorFlip {
  readonly #order: CopyOrder
  readonly #given: Given

  constructor(order: CopyOrder, given: Given) {
    this.#order = order
    this.#given = given
  }

  get namespace(): Namespace | null {
    return namespaceOf(this.#given.source)
  }

  async renew(): Promise<void> {}

  async difference(names: readonly string[] | null): Promise<string | null> {
    return names?.length === 0 ? null : 'the old server has a mailbox by now'
  }

  async isSubscribedOtherwise(): Promise<boolean> {
    return false
  }

  async note(): Promise<void> {
    await toDisk(this.#given.place, this.#given.signal)
  }

  record(): void {
    using record = openRecord(this.#given.deps.shared.stateFolder, this.#order.id)
    record.keep(new Map())
  }

  async moveIn(hold: string): Promise<void> {
    await moveIn(this.#given.place, hold, this.#given.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#given.held[Symbol.asyncDispose]()
  }
}

type Listing = {
  uidValidity: number
  messages: readonly { uid: number; flags: string }[]
  unlisted: readonly unknown[]
}

/** UIDVALIDITY, UIDs and system flags; keywords come with these. */
function differenceOf({ uidValidity, messages }: MergeFolder, opened: Listing): string | null {
  // A Courier numbers a mailbox anew at each look that nobody has ever opened to write: there is nothing to number.
  if (opened.messages.length + opened.unlisted.length + messages.size === 0) return null
  if (opened.uidValidity !== uidValidity) return 'the UIDVALIDITY is another'
  if (opened.unlisted.length > 0) return `${opened.unlisted.length} messages that the old server does not show`
  const missing = opened.messages.filter(({ uid }) => !messages.has(uid)).length
  if (missing > 0) return `${missing} messages are missing in the mirror`
  if (opened.messages.length !== messages.size) return 'the mirror has messages that the old server does not have'
  const flagged = opened.messages.filter(({ uid, flags }) => lettersOf(messages.get(uid) ?? []) !== flags)
  return flagged.length > 0 ? `${flagged.length} messages have other flags` : null
}
