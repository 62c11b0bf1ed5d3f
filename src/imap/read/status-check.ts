import type { ImapFlow } from 'imapflow'
import type { SourceStatus, StatusCheck } from '../../copying/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import { CouldNotAsk } from '../../model/ledger.ts'
import type { MailboxStatus } from '../../model/mailbox.ts'
import type { Provider } from '../../model/provider.ts'
import type { LoggedIn } from '../login/connection.ts'
import { type Held, holdConnection, keptFor } from './kept.ts'
import { isWanted, type Listed, listMailboxes, listSubscribed } from './mailboxes.ts'
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
      const kept = keptFor(reader)
      const { found, listed, sizes, subscribed } = await askAll(held.client, provider, {
        asksSizes,
        asksSubscribed: kept !== undefined,
      })
      const mailboxes = asksSizes ? await withSizes(held.client, found, sizes) : found
      if (kept !== undefined) kept.told = { ...listed, subscribed, status: mailboxes }
      // Whatever comes of that, the answers are here.
      await held.giveBack().catch(() => undefined)
      return { kind: 'yes', mailboxes }
    } catch (error) {
      held?.client.close()
      await held?.giveBack().catch(() => undefined)
      if (limit.aborted) return LATE
      if (held === undefined) return refusalOf(error, reader)
      return {
        ...CUT_OFF,
        code: troubleOf(error, reader),
        ...(error instanceof CouldNotAsk && { cause: error.message }),
      }
    }
  },
}

interface Answers {
  readonly found: readonly MailboxStatus[]
  readonly listed: Listed
  readonly subscribed: ReadonlySet<string>
  readonly sizes: Promise<ReadonlyMap<string, Values>>
}

/** All in one round trip, of a server that tells the status within LIST. */
async function askAll(
  client: LoggedIn,
  provider: Provider,
  { asksSizes, asksSubscribed }: { readonly asksSizes: boolean; readonly asksSubscribed: boolean },
): Promise<Answers> {
  const status = statusOfAll(client, provider)
  const subscribed = asksSubscribed ? listSubscribed(client) : new Set<string>()
  // Last: some servers read every message for that.
  const sizes = asksSizes ? sizesAtOnce(client, asksForAll(provider)) : Promise.resolve(new Map())
  sizes.catch(() => undefined)
  const [told, names] = await Promise.all([status, subscribed])
  return { ...told, subscribed: names, sizes }
}

async function statusOfAll(client: LoggedIn, provider: Provider): Promise<Pick<Answers, 'found' | 'listed'>> {
  const hasModseq = client.capabilities.has('CONDSTORE') || client.capabilities.has('QRESYNC')
  const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(hasModseq ? ['HIGHESTMODSEQ'] : [])]
  const told = new Map<string, Values>()
  const take = (name: string, list: Token | undefined) => void told.set(name, pairsOf(list))
  const wantsAll = asksForAll(provider)
  const listed = await listMailboxes(client, wantsAll ? { items, take } : undefined).catch((error) => {
    // Some servers announce LIST-STATUS and do not know it.
    if (!wantsAll || !isRefusal(error)) throw error
    return listMailboxes(client)
  })
  const wanted = listed.own.filter((mailbox) => isWanted(mailbox, provider)).map(({ name }) => name)
  const all = await statusOf(client, wanted, items, told)
  const found = wanted.map((name) => {
    const values: Values = all.get(name) ?? new Map()
    return {
      name,
      uidValidity: values.get('UIDVALIDITY') ?? null,
      uidNext: Number(values.get('UIDNEXT') ?? 0),
      messages: Number(values.get('MESSAGES') ?? 0),
      highestModseq: modseqIn(values),
    }
  })
  return { found, listed }
}

/** Null: what changes does not show. 0 is what servers say of mailboxes that keep none (RFC 7162, section 3.1.2). */
function modseqIn(values: Values): string | null {
  const told = values.get('HIGHESTMODSEQ') ?? null
  return told === '0' ? null : told
}

/** So many STATUS are under way at a time. */
const TOGETHER = 100

/** What was told already, and what the source tells of the others. */
async function statusOf(
  client: LoggedIn,
  names: readonly string[],
  items: readonly string[],
  told: ReadonlyMap<string, Values>,
): Promise<ReadonlyMap<string, Values>> {
  const all = new Map(told)
  for (const some of batchesOf(
    names.filter((name) => !told.has(name)),
    TOGETHER,
  )) {
    const values = await Promise.all(some.map((name) => askStatus(client, name, items)))
    for (const [at, name] of some.entries()) all.set(name, values[at] ?? new Map())
  }
  return all
}

/** Adds their sizes, if the source tells them in time (RFC 8438). */
async function withSizes(
  client: LoggedIn,
  mailboxes: readonly MailboxStatus[],
  told: Promise<ReadonlyMap<string, Values>>,
): Promise<readonly MailboxStatus[]> {
  if (!client.capabilities.has('STATUS=SIZE')) return mailboxes
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    client.close()
  }, SIZES_LIMIT_MS)
  try {
    const names = mailboxes.map(({ name }) => name)
    const sizes = await statusOf(client, names, ['SIZE'], await told)
    return mailboxes.map((mailbox) => {
      const size = sizes.get(mailbox.name)?.get('SIZE')
      return { ...mailbox, size: size == null ? null : Number(size) }
    })
  } catch (error) {
    if (!isLate) throw error
    return mailboxes
  } finally {
    clearTimeout(limit)
  }
}

/** Of as many as the source tells within LIST. */
async function sizesAtOnce(client: LoggedIn, wantsAll: boolean): Promise<ReadonlyMap<string, Values>> {
  const told = new Map<string, Values>()
  const { capabilities } = client
  if (!wantsAll || !capabilities.has('LIST-STATUS') || !capabilities.has('STATUS=SIZE')) return told
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
