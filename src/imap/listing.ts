import { ImapFlow } from 'imapflow'
import { CouldNotAsk } from '../model/ledger.ts'
import type { Mailbox } from '../model/mailbox.ts'
import type { Provider } from '../model/provider.ts'
import type { OldMail, OldMessage, OldSession } from '../policy/ledger-ports.ts'
import { failureOf, optionsFor } from './ask.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { outcomeOf } from './outcome.ts'
import { atom, command, isList, itemsOf, mailboxName, said, sequence, type Token, textOf } from './raw.ts'
import { type Connection, readMessages } from './reading.ts'

/** Opening a large mailbox takes some servers long. */
const SILENCE_LIMIT_MS = 120_000
/** Messages come whole up to a size, and in pieces beyond; some servers send them whole all the same. */
const LITERAL_LIMIT = 256 * 1024 * 1024
const LINE_LIMIT = 1024 * 1024

/** Servers hang up on whoever asks for a broken message, or for much; one that does it all the time is no help. */
const RENEWALS_LIMIT = 100

/** Lists and reads what OLD has; nothing that it sends can change OLD. */
export const oldMail: OldMail = {
  async open(provider, username, password) {
    const session = new Session(provider, username, password)
    await session.connect()
    return session
  },
}

class Session implements OldSession, Connection {
  readonly #provider: Provider
  readonly #auth: { user: string; pass: string }
  #client: ImapFlow | undefined
  #opened: Mailbox | undefined
  #renewals = 0

  constructor(provider: Provider, user: string, pass: string) {
    this.#provider = provider
    this.#auth = { user, pass }
  }

  get client(): ImapFlow {
    if (this.#client === undefined) throw new Error('not connected')
    return this.#client
  }

  async connect(): Promise<void> {
    const client = new ImapFlow({
      ...optionsFor(this.#provider),
      auth: this.#auth,
      socketTimeout: SILENCE_LIMIT_MS,
      maxLiteralSize: LITERAL_LIMIT,
      maxLineLength: LINE_LIMIT,
      disableAutoIdle: true,
    })
    this.#client = client
    // What breaks the connection is told by the command that it breaks.
    client.on('error', () => undefined)
    try {
      await client.connect()
    } catch (error) {
      client.close()
      throw couldNotAsk(error, 'sign-in')
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
      return mailboxes.map((mailbox) => ({ mailbox, wanted: isWanted(mailbox, this.#provider) }))
    } catch (error) {
      throw couldNotAsk(error)
    }
  }

  async examine(mailbox: Mailbox) {
    this.#opened = mailbox
    try {
      return await examine(this.client, mailbox)
    } catch (error) {
      const { responseStatus, responseText = '' } = failureOf(error)
      if (responseStatus !== 'NO' && responseStatus !== 'BAD') throw couldNotAsk(error)
      return { refusal: said(responseText || responseStatus) }
    }
  }

  async *read(messages: readonly OldMessage[]) {
    try {
      yield* readMessages(this, messages)
    } catch (error) {
      throw couldNotAsk(error)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.client.logout().catch(() => undefined)
    this.client.close()
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

function couldNotAsk(error: unknown, signingIn?: 'sign-in'): CouldNotAsk {
  if (error instanceof CouldNotAsk) return error
  const answer = outcomeOf(failureOf(error), error)
  const code = answer.kind === 'trouble' ? answer.code : 'old-protocol'
  if (signingIn === undefined || answer.kind === 'trouble' || answer.kind === 'yes') {
    return new CouldNotAsk(code, `the old server could not be asked (${code})`, error)
  }
  const what = answer.kind === 'no' ? 'refuses the password' : `says that the account is ${answer.kind}`
  return new CouldNotAsk('credential-refused', `the old server ${what}`, error)
}
