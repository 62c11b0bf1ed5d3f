import type { ImapFlow } from 'imapflow'
import type { Mailbox, MailboxStatus } from '../model/mailbox.ts'
import type { Look, Looks } from '../policy/copying.ts'
import { endingOf } from './ending.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { atom, command, isList, mailboxName, type Token, textOf } from './raw.ts'
import { readingSession, refusalOf, troubleOf } from './session.ts'

// Some servers count hundreds of mailboxes anew for each STATUS.
const LOOK_LIMIT_MS = 10 * 60_000
const LATE: Look = { kind: 'trouble', code: 'old-timeout', cause: 'the look took too long', answered: true }
// Whatever OLD refuses after the sign-in, it is not the password.
const CUT_OFF = { kind: 'trouble', cause: 'the look was not answered', answered: true } as const

/** Looks at OLD: which mailboxes are copied, and how they are. Changes nothing there. */
export const looks: Looks = {
  async look(provider, { username, password }, signal): Promise<Look> {
    const reader = { provider, username, password }
    const client = readingSession(reader)
    const limit = AbortSignal.timeout(LOOK_LIMIT_MS)
    const end = () => client.close()
    for (const cut of [signal, limit]) cut.addEventListener('abort', end)
    let isSignedIn = false
    try {
      await client.connect()
      isSignedIn = true
      const wanted = (await listMailboxes(client)).filter((mailbox) => isWanted(mailbox, provider))
      const mailboxes = await statusOf(client, wanted)
      await client.logout()
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

async function statusOf(client: ImapFlow, mailboxes: readonly Mailbox[]): Promise<MailboxStatus[]> {
  const hasModseq = client.capabilities.has('CONDSTORE') || client.capabilities.has('QRESYNC')
  const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(hasModseq ? ['HIGHESTMODSEQ'] : [])].map(atom)
  const found: MailboxStatus[] = []
  for (const { name } of mailboxes) {
    let values = new Map<string, string | null>()
    try {
      await command(client, 'STATUS', [mailboxName(name), items], {
        STATUS([, list]) {
          values = pairsOf(list)
        },
      })
    } catch (error) {
      // A mailbox that OLD does not open is looked at by each attempt.
      if (!/^(NO|BAD)$/.test(endingOf(error).status ?? '')) throw error
    }
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

/** `(MESSAGES 3 UIDNEXT 4)` */
function pairsOf(list: Token | undefined): Map<string, string | null> {
  const words = isList(list) ? list.map(textOf) : []
  const pairs = new Map<string, string | null>()
  for (let at = 0; at + 1 < words.length; at += 2) pairs.set(words[at]?.toUpperCase() ?? '', words[at + 1] ?? null)
  return pairs
}
