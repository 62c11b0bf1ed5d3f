import type { ImapFlow } from 'imapflow'
import type { Mailbox, MailboxStatus } from '../model/mailbox.ts'
import type { Look, Looks } from '../policy/copying.ts'
import { endingOf } from './ending.ts'
import { isWanted, listMailboxes } from './mailboxes.ts'
import { atom, command, isList, mailboxName, type Token, textOf } from './raw.ts'
import { readingSession, refusalOf } from './session.ts'

const LOOK_LIMIT_MS = 60_000

/** Looks at OLD: which mailboxes are copied, and how they are. Changes nothing there. */
export const looks: Looks = {
  async look(provider, { username, password }, signal): Promise<Look> {
    const reader = { provider, username, password }
    const client = readingSession(reader)
    const end = () => client.close()
    const timer = setTimeout(end, LOOK_LIMIT_MS)
    signal.addEventListener('abort', end)
    try {
      await client.connect()
      const wanted = (await listMailboxes(client)).filter((mailbox) => isWanted(mailbox, provider))
      const mailboxes = await statusOf(client, wanted)
      await client.logout()
      return { kind: 'yes', mailboxes }
    } catch (error) {
      return refusalOf(error, reader)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
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
