import type { ImapFlow } from 'imapflow'
import type { SourceAccess, SourceFolders } from '../../copying/ports.ts'
import type { Examining, Opened, SourceMail, SourceMessage, SourceSession } from '../../ledger/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import { CouldNotAsk } from '../../model/ledger.ts'
import type { Mailbox, MailboxStatus } from '../../model/mailbox.ts'
import { UidSet } from '../../model/uid-set.ts'
import type { LoggedIn } from '../login/connection.ts'
import { endingOf } from '../login/ending.ts'
import { type Held, holdConnection, keptFor, type Told } from './kept.ts'
import { isWanted, listMailboxes, listSubscribed } from './mailboxes.ts'
import { atom, command, mailboxName, said, sequence, type Token, textOf } from './raw.ts'
import { type Connection, readMessages } from './reading.ts'
import { Roll } from './roll.ts'
import { isRefusal, type Reader, refusalOf, troubleOf } from './session.ts'

/** Servers hang up on requests for a broken message, or for much; a server that always does cannot be read. */
const RENEWALS_LIMIT = 100

/** Lists and reads what the source has; nothing that it sends can change the source. */
export const sourceMail: SourceMail = {
  async open(provider, username, password, signal) {
    const reader = { provider, username, password }
    const session = new Session(reader, signal, true)
    // What a job was told already need not be asked again.
    if (keptFor(reader)?.folders == null) await session.connect()
    return session
  },
}

/** As an engine asks it. */
export const sourceFolders: SourceAccess['folders'] = async (provider, { username, password }, signal) => {
  const reader = { provider, username, password }
  await using session = new Session(reader, signal)
  await session.connect()
  const folders = await session.folders()
  const kept = keptFor(reader)
  if (kept !== undefined) kept.folders = folders
  return folders
}

/** The same, with all keywords. */
export const sourceSurvey: SourceAccess['survey'] = async (provider, { username, password }, signal) => {
  await using session = new Session({ provider, username, password }, signal)
  await session.connect()
  const folders = await session.folders()
  const keywords: Map<string, { uidValidity: number; words: Map<number, readonly string[]> }> = new Map()
  for (const { mailbox } of folders.mailboxes.filter(({ wanted }) => wanted)) {
    const opened = await session.examine(mailbox)
    if ('refusal' in opened) continue
    const some = opened.messages.filter(({ keywords }) => keywords.length > 0)
    const words = new Map(some.map(({ uid, keywords }) => [uid, keywords]))
    keywords.set(mailbox.name, { uidValidity: opened.uidValidity, words })
  }
  return { ...folders, keywords }
}

/** Of several mailboxes, by name. */
export const sourceListing: SourceAccess['list'] = async (provider, { username, password }, mailboxes, signal) => {
  await using session = new Session({ provider, username, password }, signal)
  await session.connect()
  const found = new Map<string, Opened>()
  for (const mailbox of mailboxes) found.set(mailbox.name, await session.examine(mailbox))
  return found
}

class Session implements SourceSession, Connection {
  readonly #reader: Reader
  readonly #signal: AbortSignal | undefined
  readonly #takesTold: boolean
  #held: Held | undefined
  #opened: Mailbox | undefined
  /** What was told of the mailbox is taken, and it is not open yet. */
  #isToBeOpened = false
  #renewals = 0
  #statuses: Map<string, MailboxStatus> | undefined
  /** Answers that are on their way, by the mailbox's name. */
  readonly #asked = new Map<string, Promise<Opened | null>>()
  /** It is the open one when all is answered. */
  #lastAsked = ''

  /** @param takesTold what the job was told of folders and messages a moment ago counts */
  constructor(reader: Reader, signal: AbortSignal | undefined, takesTold = false) {
    this.#reader = reader
    this.#signal = signal
    this.#takesTold = takesTold
  }

  get client(): LoggedIn {
    if (this.#held === undefined) throw new Error('not connected')
    return this.#held.client
  }

  async connect(): Promise<void> {
    try {
      this.#held = await holdConnection(this.#reader, this.#signal)
    } catch (error) {
      this.#signal?.throwIfAborted()
      throw loginFailed(error, this.#reader)
    }
  }

  async #connected(): Promise<LoggedIn> {
    if (this.#held === undefined) await this.connect()
    return this.client
  }

  async renew(): Promise<void> {
    this.client.close()
    this.#asked.clear()
    if (++this.#renewals > RENEWALS_LIMIT) throw new CouldNotAsk('old-busy', 'the old server hangs up again and again')
    await this.connect()
    if (this.#opened !== undefined) await this.#reopen(this.#opened)
  }

  async #reopen({ name }: Mailbox): Promise<void> {
    // From here on what was asked for another one ahead is not the open one's.
    this.#lastAsked = name
    await command(this.client, 'EXAMINE', [mailboxName(name)], {})
    this.#isToBeOpened = false
  }

  get #told() {
    return this.#takesTold ? keptFor(this.#reader) : undefined
  }

  async folders(): Promise<SourceFolders> {
    try {
      const { own, ...others } = this.#justTold() ?? (await this.#askFolders())
      return { mailboxes: own.map((mailbox) => this.#withWish(mailbox)), ...others }
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  /** To the status check, if nobody has asked since. */
  #justTold(): Told | null {
    const kept = keptFor(this.#reader)
    const { told = null } = kept ?? {}
    if (kept !== undefined) kept.told = null
    return told
  }

  async #askFolders(): Promise<Told> {
    const client = await this.#connected()
    const [listed, subscribed] = await Promise.all([listMailboxes(client), listSubscribed(client)])
    return { ...listed, subscribed }
  }

  #withWish(mailbox: Mailbox) {
    return { mailbox, wanted: isWanted(mailbox, this.#reader.provider) }
  }

  async mailboxes() {
    const { folders } = this.#told ?? {}
    if (folders != null) return [...folders.mailboxes]
    try {
      const { own } = await listMailboxes(await this.#connected())
      return own.map((mailbox) => this.#withWish(mailbox))
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async subscribed() {
    const { folders } = this.#told ?? {}
    if (folders != null) return folders.subscribed
    try {
      return await listSubscribed(await this.#connected())
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async examine(mailbox: Mailbox, how?: Examining): Promise<Opened> {
    this.#opened = mailbox
    const known = this.#known(mailbox, how)
    const opened = known ?? (await this.#ask(mailbox, how))
    this.#isToBeOpened = known !== null || this.#lastAsked !== mailbox.name
    const status = this.#statusOf(mailbox)
    if (how !== undefined && status?.line != null) how.listings.keep(mailbox.name, status.line, opened)
    return opened
  }

  /** Told on the way to a program, or listed before: it has not changed since. */
  #known(mailbox: Mailbox, how?: Examining): Opened | null {
    const told = this.#told?.listings.get(mailbox.name)
    if (told !== undefined) return told
    const line = this.#statusOf(mailbox)?.line
    return line == null ? null : (how?.listings.of(mailbox.name, line) ?? null)
  }

  /** Null: the source has not told it, or not of late. */
  #statusOf({ name }: Mailbox): { readonly messages: number; readonly line: string | null } | null {
    const { folders } = this.#told ?? {}
    if (folders?.status === undefined) return null
    this.#statuses ??= new Map(folders.status.map((status) => [status.name, status]))
    const status = this.#statuses.get(name)
    if (status === undefined) return null
    const { uidValidity, uidNext, messages, highestModseq } = status
    const showsAll = uidValidity !== null && highestModseq !== null
    return { messages, line: showsAll ? JSON.stringify([uidValidity, uidNext, messages, highestModseq]) : null }
  }

  async #ask(mailbox: Mailbox, how?: Examining): Promise<Opened> {
    try {
      const client = await this.#connected()
      this.#askFor(client, mailbox)
      let messages = 0
      for (const next of this.#statusOf(mailbox) === null ? [] : (how?.next ?? [])) {
        messages += this.#statusOf(next)?.messages ?? Number.POSITIVE_INFINITY
        if (messages > ASKED_TOGETHER) break
        if (this.#known(next, how) === null) this.#askFor(client, next)
      }
      return (await this.#asked.get(mailbox.name)) ?? (await this.#askAgain(client, mailbox))
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    } finally {
      this.#asked.delete(mailbox.name)
    }
  }

  #askFor(client: LoggedIn, mailbox: Mailbox): void {
    if (this.#asked.has(mailbox.name)) return
    this.#lastAsked = mailbox.name
    const isLast = () => this.#lastAsked === mailbox.name
    const answer = examined(client, mailbox, { hasMessages: (this.#statusOf(mailbox)?.messages ?? 0) > 0, isLast })
    answer.catch(() => undefined)
    this.#asked.set(mailbox.name, answer)
  }

  /** Alone: what is to be asked for depends on the answers. */
  async #askAgain(client: LoggedIn, mailbox: Mailbox): Promise<Opened> {
    await Promise.all(this.#asked.values())
    this.#lastAsked = mailbox.name
    return (await examined(client, mailbox, { hasMessages: false, isLast: () => true })) as Opened
  }

  async *read(messages: readonly SourceMessage[], spent?: AbortSignal) {
    try {
      await this.#connected()
      if (this.#isToBeOpened && this.#opened !== undefined) await this.#reopen(this.#opened)
      yield* readMessages(this, messages, spent)
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#held?.giveBack()
  }
}

const ITEMS = ['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE'].map(atom)
/** How many messages one command asks for again. */
const ASKED_AGAIN = 500

/** So many messages of mailboxes may be listed before they are asked for. */
const ASKED_TOGETHER = 10_000

interface Manner {
  /** As far as is known: they are listed without waiting for the answer. */
  readonly hasMessages: boolean
  /** Whether it is open then, and no other mailbox. */
  isLast(): boolean
}

/** Null: another mailbox was opened before all was told. */
async function examined(client: ImapFlow, mailbox: Mailbox, manner: Manner): Promise<Opened | null> {
  try {
    return await examine(client, mailbox, manner)
  } catch (error) {
    if (!isRefusal(error)) throw error
    const { status = '', text } = endingOf(error)
    return { refusal: said(text || status) }
  }
}

async function examine(client: ImapFlow, { name }: Mailbox, { hasMessages, isLast }: Manner): Promise<Opened | null> {
  const roll = new Roll()
  let [isCounted, uidValidity] = [false, 0]
  const opening = command(client, 'EXAMINE', [mailboxName(name)], {
    EXISTS(_, number) {
      isCounted = true
      roll.exists(number)
    },
    OK([first]) {
      const [code, value] = (first as { section?: readonly Token[] } | undefined)?.section ?? []
      if (textOf(code)?.toUpperCase() === 'UIDVALIDITY') uidValidity = Number(textOf(value))
    },
  })
  const listing = hasMessages ? call(client, 'UID FETCH', '1:*', roll) : null
  // It is refused where opening was.
  listing?.catch(() => undefined)
  await opening
  if (!isCounted) return { refusal: 'the old server does not say how many messages there are' }
  if (roll.size > 0) {
    if (listing === null && !isLast()) return null
    await (listing ?? call(client, 'UID FETCH', '1:*', roll))
  }
  const count = roll.size
  // Messages may come and go during the listing: what is left out twice counts as not listed.
  for (const numbers of batchesOf(roll.untold(), ASKED_AGAIN)) {
    if (!isLast()) return null
    await call(client, 'FETCH', `${UidSet.of(numbers)}`, roll)
  }
  return { uidValidity, ...roll.result(count) }
}

async function call(client: ImapFlow, name: string, set: string, roll: Roll): Promise<void> {
  await command(client, name, [sequence(set), ITEMS], {
    EXISTS: (_, number) => roll.exists(number),
    EXPUNGE: (_, number) => roll.expunge(number),
    VANISHED: (values) => roll.vanish(UidSet.parse(textOf(values.at(-1)) ?? '')),
    FETCH: (values, number) => roll.tell(number, values),
  })
}

function loginFailed(error: unknown, reader: Reader): CouldNotAsk {
  const answer = refusalOf(error, reader)
  if (answer.kind === 'trouble') return couldNotAsk(error, reader)
  const what = answer.kind === 'no' ? 'refuses the password' : `says that the account is ${answer.kind}`
  return new CouldNotAsk('credential-refused', `the old server ${what}`, error)
}

function couldNotAsk(error: unknown, reader: Reader): CouldNotAsk {
  if (error instanceof CouldNotAsk) return error
  const code = troubleOf(error, reader)
  return new CouldNotAsk(code, `the old server could not be asked (${code})`, error)
}
