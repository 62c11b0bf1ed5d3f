import type { ImapFlow } from 'imapflow'
import { CouldNotAsk } from '../model/ledger.ts'
import type { Mailbox } from '../model/mailbox.ts'
import type { OldMail, OldMessage, OldSession } from '../policy/ledger-ports.ts'
import { endingOf } from './ending.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { atom, command, isList, itemsOf, mailboxName, said, sequence, type Token, textOf } from './raw.ts'
import { type Connection, readMessages } from './reading.ts'
import { type Reader, readingSession, refusalOf, troubleOf } from './session.ts'

/** Servers hang up on whoever asks for a broken message, or for much; one that does it all the time is no help. */
const RENEWALS_LIMIT = 100

/** Lists and reads what OLD has; nothing that it sends can change OLD. */
export const oldMail: OldMail = {
  async open(provider, username, password, signal) {
    const session = new Session({ provider, username, password }, signal)
    await session.connect()
    return session
  },
}

class Session implements OldSession, Connection {
  readonly #reader: Reader
  readonly #signal: AbortSignal | undefined
  readonly #end = () => this.#client?.close()
  #client: ImapFlow | undefined
  #opened: Mailbox | undefined
  #renewals = 0

  constructor(reader: Reader, signal: AbortSignal | undefined) {
    this.#reader = reader
    this.#signal = signal
    signal?.addEventListener('abort', this.#end)
  }

  get client(): ImapFlow {
    if (this.#client === undefined) throw new Error('not connected')
    return this.#client
  }

  async connect(): Promise<void> {
    const client = await readingSession(this.#reader)
    this.#signal?.throwIfAborted()
    this.#client = client
    try {
      await client.connect()
    } catch (error) {
      client.close()
      throw notSignedIn(error, this.#reader)
    }
  }

  async renew(): Promise<void> {
    this.client.close()
    if (++this.#renewals > RENEWALS_LIMIT) throw new CouldNotAsk('old-busy', 'the old server hangs up again and again')
    await this.connect()
    if (this.#opened !== undefined) await command(this.client, 'EXAMINE', [mailboxName(this.#opened.name)], {})
  }

  async mailboxes() {
    try {
      const mailboxes = await listMailboxes(this.client)
      // Everybody has an INBOX (RFC 3501, section 5.1).
      if (mailboxes.length === 0) throw new CouldNotAsk('old-protocol', 'the old server lists no mailbox at all')
      return mailboxes.map((mailbox) => ({ mailbox, wanted: isWanted(mailbox, this.#reader.provider) }))
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async examine(mailbox: Mailbox) {
    this.#opened = mailbox
    try {
      return await examine(this.client, mailbox)
    } catch (error) {
      const { status, text = '' } = endingOf(error)
      if (status !== 'NO' && status !== 'BAD') throw couldNotAsk(error, this.#reader)
      return { refusal: said(text || status) }
    }
  }

  async *read(messages: readonly OldMessage[]) {
    try {
      yield* readMessages(this, messages)
    } catch (error) {
      throw couldNotAsk(error, this.#reader)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.client.logout().catch(() => undefined)
    this.client.close()
    this.#signal?.removeEventListener('abort', this.#end)
  }
}

async function examine(client: ImapFlow, { name }: Mailbox): Promise<{ uidValidity: number; messages: OldMessage[] }> {
  let [exists, uidValidity] = [0, 0]
  await command(client, 'EXAMINE', [mailboxName(name)], {
    EXISTS(_, number) {
      exists = number
    },
    OK([first]) {
      const [code, value] = (first as { section?: readonly Token[] } | undefined)?.section ?? []
      if (textOf(code)?.toUpperCase() === 'UIDVALIDITY') uidValidity = Number(textOf(value))
    },
  })
  const messages = new Map<number, OldMessage>()
  if (exists > 0) {
    const items = ['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE'].map(atom)
    await command(client, 'UID FETCH', [sequence('1:*'), items], {
      FETCH(values) {
        const message = messageOf(values)
        if (message !== null) messages.set(message.uid, message)
      },
    })
  }
  return { uidValidity, messages: [...messages.values()].sort((a, b) => a.uid - b.uid) }
}

const LETTERS: Readonly<Record<string, string>> = {
  '\\draft': 'D',
  '\\flagged': 'F',
  '\\answered': 'R',
  '\\seen': 'S',
  '\\deleted': 'T',
}

/** Null for what is told of a message unasked: its flags alone. */
function messageOf(values: readonly Token[]): OldMessage | null {
  const items = itemsOf(values)
  const [uid, size] = [Number(textOf(items.get('UID'))), textOf(items.get('RFC822.SIZE'))]
  if (!uid || size === null) return null
  const flags = items.get('FLAGS')
  const letters = isList(flags) ? flags.map((flag) => LETTERS[textOf(flag)?.toLowerCase() ?? ''] ?? '') : []
  const date = secondsOf(textOf(items.get('INTERNALDATE')) ?? '')
  return { uid, size: Number(size), date, flags: letters.sort().join('') }
}

/** RFC 3501's date-time: ` 1-Feb-2003 04:05:06 +0700`. */
function secondsOf(text: string): number {
  const [, day, month, year, time] = /^([ \d]?\d)-(\w{3})-(\d{4}) (.*)$/.exec(text) ?? []
  return Date.parse(`${day} ${month} ${year} ${time}`) / 1000
}

function notSignedIn(error: unknown, reader: Reader): CouldNotAsk {
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
