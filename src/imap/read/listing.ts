import type { ImapFlow } from 'imapflow'
import type { SourceAccess } from '../../copying/ports.ts'
import type { Opened, SourceMail, SourceMessage, SourceSession } from '../../ledger/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import { CouldNotAsk } from '../../model/ledger.ts'
import type { Mailbox } from '../../model/mailbox.ts'
import { UidSet } from '../../model/uid-set.ts'
import type { LoggedIn } from '../login/connection.ts'
import { endingOf } from '../login/ending.ts'
import { type Held, holdConnection, keptFor } from './kept.ts'
import { isWanted, listForeign, listMailboxes, listSubscribed } from './mailboxes.ts'
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
    if (++this.#renewals > RENEWALS_LIMIT) throw new CouldNotAsk('old-busy', 'the old server hangs up again and again')
    await this.connect()
    if (this.#opened !== undefined) await this.#reopen(this.#opened)
  }

  async #reopen({ name }: Mailbox): Promise<void> {
    await command(this.client, 'EXAMINE', [mailboxName(name)], {})
    this.#isToBeOpened = false
  }

  get #told() {
    return this.#takesTold ? keptFor(this.#reader) : undefined
  }

  async folders() {
    const mailboxes = await this.mailboxes()
    const subscribed = await this.subscribed()
    try {
      return { mailboxes, subscribed, foreign: await listForeign(this.client) }
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async mailboxes() {
    const { folders } = this.#told ?? {}
    if (folders != null) return [...folders.mailboxes]
    try {
      const mailboxes = this.#justListed() ?? (await listMailboxes(await this.#connected()))
      return mailboxes.map((mailbox) => ({ mailbox, wanted: isWanted(mailbox, this.#reader.provider) }))
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  /** By the status check, if nobody has asked since. */
  #justListed(): readonly Mailbox[] | null {
    const kept = keptFor(this.#reader)
    const { mailboxes = null } = kept ?? {}
    if (kept !== undefined) kept.mailboxes = null
    return mailboxes
  }

  async subscribed() {
    const { folders } = this.#told ?? {}
    if (folders != null) return folders.subscribed
    try {
      return await listSubscribed(await this.#connected())
    } catch (error) {
      if (!isRefusal(error)) throw couldNotAsk(error, this.#reader)
      // A server that knows no subscriptions has none.
      return new Set<string>()
    }
  }

  async examine(mailbox: Mailbox): Promise<Opened> {
    this.#opened = mailbox
    const told = this.#told?.listings.get(mailbox.name)
    this.#isToBeOpened = told !== undefined
    if (told !== undefined) return told
    try {
      return await examine(await this.#connected(), mailbox)
    } catch (error) {
      if (!isRefusal(error)) throw couldNotAsk(error, this.#reader)
      const { status = '', text } = endingOf(error)
      return { refusal: said(text || status) }
    }
  }

  async *read(messages: readonly SourceMessage[]) {
    try {
      await this.#connected()
      if (this.#isToBeOpened && this.#opened !== undefined) await this.#reopen(this.#opened)
      yield* readMessages(this, messages)
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

async function examine(client: ImapFlow, { name }: Mailbox): Promise<Opened> {
  const roll = new Roll()
  let [isCounted, uidValidity] = [false, 0]
  await command(client, 'EXAMINE', [mailboxName(name)], {
    EXISTS(_, number) {
      isCounted = true
      roll.exists(number)
    },
    OK([first]) {
      const [code, value] = (first as { section?: readonly Token[] } | undefined)?.section ?? []
      if (textOf(code)?.toUpperCase() === 'UIDVALIDITY') uidValidity = Number(textOf(value))
    },
  })
  if (!isCounted) return { refusal: 'the old server does not say how many messages there are' }
  if (roll.size > 0) await call(client, 'UID FETCH', '1:*', roll)
  const count = roll.size
  // Messages may come and go during the listing: what is left out twice counts as not listed.
  for (const numbers of batchesOf(roll.untold(), ASKED_AGAIN))
    await call(client, 'FETCH', `${UidSet.of(numbers)}`, roll)
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
