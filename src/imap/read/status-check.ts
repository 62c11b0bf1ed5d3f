import type { ImapFlow } from 'imapflow'
import type { SourceStatus, StatusCheck } from '../../copying/ports.ts'
import type { Mailbox, MailboxStatus } from '../../model/mailbox.ts'
import type { Provider } from '../../model/provider.ts'
import { type Held, holdConnection, keptFor } from './kept.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { atom, command, isList, mailboxName, type Token, textOf } from './raw.ts'
import { isRefusal, refusalOf, troubleOf } from './session.ts'

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
    const limit = AbortSignal.timeout(LOOK_LIMIT_MS)
    let held: Held | undefined
    try {
      held = await holdConnection(reader, AbortSignal.any([signal, limit]))
      const { found, all } = await statusOfAll(held.client, provider)
      const mailboxes = asksSizes ? await withSizes(held.client, provider, found) : found
      const kept = keptFor(reader)
      if (kept !== undefined) kept.mailboxes = all
      // Whatever comes of that, the answers are here.
      await held.giveBack().catch(() => undefined)
      return { kind: 'yes', mailboxes }
    } catch (error) {
      held?.client.close()
      await held?.giveBack().catch(() => undefined)
      if (limit.aborted) return LATE
      return held === undefined ? refusalOf(error, reader) : { ...CUT_OFF, code: troubleOf(error, reader) }
    }
  },
}

async function statusOfAll(
  client: ImapFlow,
  provider: Provider,
): Promise<{ found: MailboxStatus[]; all: readonly Mailbox[] }> {
  const hasModseq = client.capabilities.has('CONDSTORE') || client.capabilities.has('QRESYNC')
  const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(hasModseq ? ['HIGHESTMODSEQ'] : [])]
  const told = new Map<string, Values>()
  const take = (name: string, list: Token | undefined) => void told.set(name, pairsOf(list))
  const wantsAll = asksForAll(provider)
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
  return { found, all }
}

/** Adds their sizes, if the source tells them in time (RFC 8438): some servers read every message for that. */
async function withSizes(
  client: ImapFlow,
  provider: Provider,
  mailboxes: readonly MailboxStatus[],
): Promise<readonly MailboxStatus[]> {
  if (!client.capabilities.has('STATUS=SIZE')) return mailboxes
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    client.close()
  }, SIZES_LIMIT_MS)
  try {
    const found: MailboxStatus[] = []
    const told = await sizesAtOnce(client, asksForAll(provider))
    for (const mailbox of mailboxes) {
      const values = told.get(mailbox.name) ?? (await askStatus(client, mailbox.name, ['SIZE']))
      const size = values.get('SIZE')
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

/** Of as many as the source tells within LIST. */
async function sizesAtOnce(client: ImapFlow, wantsAll: boolean): Promise<ReadonlyMap<string, Values>> {
  const told = new Map<string, Values>()
  if (!wantsAll || !client.capabilities.has('LIST-STATUS')) return told
  const take = (name: string, list: Token | undefined) => void told.set(name, pairsOf(list))
  await listMailboxes(client, { items: ['SIZE'], take }).catch((error) => {
    if (!isRefusal(error)) throw error
  })
  return told
}

function asksForAll({ include, exclude }: Provider): boolean {
  return include.length + exclude.length === 0
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
