import { ImapFlow, type ListResponse } from 'imapflow'
import type { MailboxStatus } from '../model/mailbox.ts'
import { matchesPattern } from '../model/mailbox-pattern.ts'
import type { Provider } from '../model/provider.ts'
import type { Look, Looks } from '../policy/copying.ts'
import { failureOf, optionsFor } from './ask.ts'
import { outcomeOf } from './outcome.ts'

const LOOK_LIMIT_MS = 60_000
const STATUS = { messages: true, uidNext: true, uidValidity: true, highestModseq: true }

/** Looks at OLD: which mailboxes are copied, and how they are. Changes nothing there. */
export const looks: Looks = {
  async look(provider, { username, password }, signal): Promise<Look> {
    const client = new ImapFlow({ ...optionsFor(provider), auth: { user: username, pass: password } })
    client.on('error', () => undefined)
    const end = () => client.close()
    const timer = setTimeout(end, LOOK_LIMIT_MS)
    signal.addEventListener('abort', end)
    try {
      await client.connect()
      const listed = await client.list({ statusQuery: STATUS })
      const mailboxes = listed.filter((mailbox) => isCopied(mailbox, provider, foreign(client))).map(statusOf)
      await client.logout()
      return { kind: 'yes', mailboxes }
    } catch (error) {
      return outcomeOf(failureOf(error), error) as Look
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      client.close()
    }
  },
}

/** Prefixes of other people's and shared mailboxes (RFC 2342). */
function foreign({ namespaces }: ImapFlow): string[] {
  if (!namespaces) return []
  const own = (namespaces.personal || []).map(({ prefix }) => prefix)
  const others = [...(namespaces.other || []), ...(namespaces.shared || [])].map(({ prefix }) => prefix)
  return others.filter((prefix) => prefix !== '' && !own.includes(prefix))
}

function isCopied({ path, delimiter, flags }: ListResponse, provider: Provider, others: string[]): boolean {
  if (flags.has('\\Noselect') || flags.has('\\NonExistent')) return false
  if (others.some((prefix) => path.startsWith(prefix))) return false
  const matches = (pattern: string) => matchesPattern(pattern, path, delimiter || null)
  return (provider.include.length === 0 || provider.include.some(matches)) && !provider.exclude.some(matches)
}

function statusOf({ path, status }: ListResponse): MailboxStatus {
  const { uidValidity, uidNext = 0, messages = 0, highestModseq } = status ?? {}
  return {
    name: path,
    uidValidity: uidValidity === undefined ? null : String(uidValidity),
    uidNext,
    messages,
    highestModseq: highestModseq === undefined ? null : String(highestModseq),
  }
}
