import type { ImapFlow } from 'imapflow'
import type { SourceStatus, StatusCheck } from '../../copying/ports.ts'
import type { MailboxStatus } from '../../model/mailbox.ts'
import type { Provider } from '../../model/provider.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { atom, command, isList, mailboxName, type Token, textOf } from './raw.ts'
import { isRefusal, readingSession, refusalOf, troubleOf } from './session.ts'

// Some servers count hundreds of mailboxes anew for each STATUS.
const LOOK_LIMIT_MS = 10 * 60_000
const SIZES_LIMIT_MS = 60_000
const LATE: SourceStatus = {
  kind: 'trouble',
  code: 'old-timeout',
  cause: 'the status check took too long',
  answered: true,
}
// Whatever the source refuses after the sign-in, it is not the password.
const CUT_OFF = { kind: 'trouble', cause: 'the status check was not answered', answered: true } as const

/** Asks the source for the status of each mailbox that is copied. Changes nothing there. */
export const statusCheck: StatusCheck = {
  async check(provider, { username, password }, signal, asksSizes): Promise<SourceStatus> {
    const reader = { provider, username, password }
    const client = await readingSession(reader)
    const limit = AbortSignal.timeout(LOOK_LIMIT_MS)
    const end = () => client.close()
    for (const cut of [signal, limit]) cut.addEventListener('abort', end)
    if (signal.aborted) end()
    let isSignedIn = false
    try {
      await client.connect()
      isSignedIn = true
      const found = await statusOfAll(client, provider)
      const mailboxes = asksSizes ? await withSizes(client, found) : found
      // Whatever comes of that, the answers are here.
      await client.leave().catch(() => undefined)
      return { kind: 'yes', mailboxes }
    } catch (error) {
      if (limit.aborted) return LATE
      return isSignedIn ? { ...CUT_OFF, code: troubleOf(error, reader) } : refusalOf(error, reader)
    } finally {
      for (const cut of [signal, limit]) cut.removeEventListener('abort', end)
      client.close()
    }
  },
}

async function statusOfAll(client: ImapFlow, provider: Provider): Promise<MailboxStatus[]> {
  const hasModseq = client.capabilities.has('CONDSTORE') || client.capabilities.has('QRESYNC')
  const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(hasModseq ? ['HIGHESTMODSEQ'] : [])]
  const told = new Map<string, Values>()
  const take = (name: string, list: Token | undefined) => void told.set(name, pairsOf(list))
  const wantsAll = provider.include.length + provider.exclude.length === 0
  const all = await listMailboxes(client, wantsAll ? { items, take } : undefined).catch((error) => {
    // Some servers announce LIST-STATUS and do not know it.
    if (!wantsAll || !isRefusal(error)) throw error
    return listMailboxes(client)
  })
  const found: MailboxStatus[] = []
  for (const { name } of all.filter((mailbox) => isWanted(mailbox, provider))) {
    const values = told.get(name) ?? (await askStatus(client, name, items))
    found.push({
      name,
      uidValidity: values.get('UIDVALIDITY') ?? null,
      uidNext: Number(values.get('UIDNEXT') ?? 0),
      messages: Number(values.get('MESSAGES') ?? 0),
      highestModseq: values.get('HIGHESTMODSEQ') ?? null,
    })
  }
  return found
}

/** Adds their sizes, if the source tells them in time (RFC 8438): some servers read every message for that. */
async function withSizes(client: ImapFlow, mailboxes: readonly MailboxStatus[]): Promise<readonly MailboxStatus[]> {
  if (!client.capabilities.has('STATUS=SIZE')) return mailboxes
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    client.close()
  }, SIZES_LIMIT_MS)
  try {
    const found: MailboxStatus[] = []
    for (const mailbox of mailboxes) {
      const size = (await askStatus(client, mailbox.name, ['SIZE'])).get('SIZE')
      found.push({ ...mailbox, size: size == null ? null : Number(size) })
    }
    return found
  } catch (error) {
    if (!isLate) throw error
    return mailboxes
  } finally {
    clearTimeout(limit)
  }
}

type Values = ReadonlyMap<string, string | null>

async function askStatus(client: ImapFlow, name: string, items: readonly string[]): Promise<Values> {
  let values: Values = new Map()
  try {
    await command(client, 'STATUS', [mailboxName(name), items.map(atom)], {
      STATUS([, list]) {
        values = pairsOf(list)
      },
    })
  } catch (error) {
    // A mailbox that the source does not open is tried by each attempt.
    if (!isRefusal(error)) throw error
  }
  return values
}

/** `(MESSAGES 3 UIDNEXT 4)` */
function pairsOf(list: Token | undefined): Values {
  const words = isList(list) ? list.map(textOf) : []
  const pairs = new Map<string, string | null>()
  for (let at = 0; at + 1 < words.length; at += 2) pairs.set(words[at]?.toUpperCase() ?? '', words[at + 1] ?? null)
  return pairs
}
