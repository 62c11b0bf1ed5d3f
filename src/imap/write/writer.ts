import type { SourceWriter, WrittenMessage } from '../../copying/ports.ts'
import type { SourceMessage } from '../../ledger/ports.ts'
import { NotFlipped, SourceRefuses } from '../../model/not-flipped.ts'
import type { Provider } from '../../model/provider.ts'
import { UidSet } from '../../model/uid-set.ts'
import type { LoggedIn } from '../login/connection.ts'
import { endingOf } from '../login/ending.ts'
import { atom, command, isList, mailboxName, said, sequence, type Token, textOf } from '../read/raw.ts'
import { readMessages } from '../read/reading.ts'
import { isRefusal, readingSession } from '../read/session.ts'

/**
 * A connection that changes the source. Nothing but the way back opens one: all else reads through connections and tunnels
 * that cannot write.
 */
export async function openWriter(
  provider: Provider,
  { username, password }: { username: string; password: string },
  signal: AbortSignal,
): Promise<SourceWriter> {
  const client = await readingSession({ provider, username, password })
  const end = () => client.close()
  signal.addEventListener('abort', end)
  try {
    signal.throwIfAborted()
    await client.connect()
    if (!client.capabilities.has('UIDPLUS'))
      throw new NotFlipped('the old server does not tell the numbers of new messages (UIDPLUS)')
    return new Writer(client, () => signal.removeEventListener('abort', end))
  } catch (error) {
    signal.removeEventListener('abort', end)
    client.close()
    throw error
  }
}

const BODY_BYTES = 64 * 1024 * 1024

class Writer implements SourceWriter {
  readonly mostBytes = BODY_BYTES
  readonly #client: LoggedIn
  readonly #onEnd: () => void

  constructor(client: LoggedIn, onEnd: () => void) {
    this.#client = client
    this.#onEnd = onEnd
  }

  create(name: string): Promise<void> {
    return this.#must('CREATE', name)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#send('RENAME', [mailboxName(from), mailboxName(to)], from)
  }

  remove(name: string): Promise<void> {
    return this.#must('DELETE', name)
  }

  subscribe(name: string, isSubscribed: boolean): Promise<void> {
    return this.#must(isSubscribed ? 'SUBSCRIBE' : 'UNSUBSCRIBE', name)
  }

  async open(name: string): Promise<{ uidValidity: number; uidNext: number }> {
    const told = new Map<string, number>()
    await this.#send('SELECT', [mailboxName(name)], name, {
      OK([first]) {
        const [code, value] = sectionOf(first)
        told.set((code ?? '').toUpperCase(), Number(value))
      },
    })
    // A Courier says it only when it is asked.
    const uidNext = told.get('UIDNEXT') ?? (await this.#uidNextOf(name))
    return { uidValidity: told.get('UIDVALIDITY') ?? 0, uidNext }
  }

  async #uidNextOf(name: string): Promise<number> {
    let uidNext = 0
    await this.#send('STATUS', [mailboxName(name), [atom('UIDNEXT')]], name, {
      STATUS([, list]) {
        uidNext = Number(isList(list) ? textOf(list[1]) : 0)
      },
    })
    if (uidNext === 0) throw new NotFlipped(`the old server does not tell which number comes next in ${name}`)
    return uidNext
  }

  async append(name: string, { flags, date, body }: WrittenMessage): Promise<number> {
    const when = { type: 'STRING', value: internalDate(date) }
    const end = await this.#send(
      'APPEND',
      [mailboxName(name), flags.map(atom), when, { type: 'LITERAL', value: body }],
      name,
    )
    const [code, , uid] = sectionOf(end[0])
    if (code?.toUpperCase() !== 'APPENDUID')
      throw new NotFlipped('the old server does not tell the number of a new message')
    return Number(uid)
  }

  async setFlags(uids: readonly number[], flags: readonly string[]): Promise<void> {
    for (const set of setsOf(uids))
      await this.#send('UID STORE', [sequence(set), atom('FLAGS.SILENT'), flags.map(atom)], 'flags')
  }

  async expunge(uids: readonly number[]): Promise<void> {
    if (uids.length === 0) return
    // A Courier sees then what was appended since the mailbox was opened.
    await this.#send('NOOP', false, 'NOOP')
    for (const set of setsOf(uids)) {
      await this.#send('UID STORE', [sequence(set), atom('+FLAGS.SILENT'), [atom('\\Deleted')]], 'flags')
      await this.#send('UID EXPUNGE', [sequence(set)], 'flags')
    }
  }

  async digests(messages: readonly SourceMessage[]): Promise<Map<number, string>> {
    const found = new Map<number, string>()
    const connection = { client: this.#client, renew: () => Promise.reject(new NotFlipped('the old server hangs up')) }
    for await (const reading of readMessages(connection, messages))
      if ('digest' in reading) found.set(reading.uid, reading.digest)
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.leave().catch(() => undefined)
    this.#client.close()
    this.#onEnd()
  }

  async #must(name: string, mailbox: string): Promise<void> {
    await this.#send(name, [mailboxName(mailbox)], mailbox)
  }

  async #send(
    name: string,
    attributes: Parameters<typeof command>[2],
    what: string,
    responses: Parameters<typeof command>[3] = {},
  ): Promise<readonly Token[]> {
    try {
      return await command(this.#client, name, attributes, responses)
    } catch (error) {
      if (!isRefusal(error)) throw error
      const { status = '', text } = endingOf(error)
      throw new SourceRefuses(`the old server refuses ${name} (${what}): ${said(text || status)}`)
    }
  }
}

/** `[APPENDUID 1795923962 5]` */
function sectionOf(token: Token | undefined): (string | null)[] {
  const section = (token as { section?: readonly Token[] } | undefined)?.section ?? []
  return section.map((one) => (isList(one) ? null : textOf(one)))
}

const MOST = 500

function* setsOf(uids: readonly number[]): Generator<string> {
  for (let at = 0; at < uids.length; at += MOST) yield `${UidSet.of(uids.slice(at, at + MOST))}`
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** RFC 3501, section 9: `date-time`. */
function internalDate(seconds: number): string {
  const date = new Date(seconds * 1000)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = String(date.getUTCDate()).padStart(2, ' ')
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return `${day}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${time} +0000`
}
