import type { ImapFlow } from 'imapflow'
import { decodeName, isInbox, type Mailbox } from '../../model/mailbox.ts'
import type { Provider } from '../../model/provider.ts'
import { type Role, roleOfAttribute } from '../../model/roles.ts'
import { USUAL_FOLDERS } from '../../model/usual-folders.ts'
import { endingOf } from '../login/ending.ts'
import { matchesPattern } from './list-patterns.ts'
import { atom, command, isList, mailboxName, type Token, textOf } from './raw.ts'
import { isRefusal } from './session.ts'

/** What to ask of all mailboxes within LIST (RFC 5819); the answers come by name, some never. */
export interface AskedStatus {
  readonly items: readonly string[]
  take(name: string, values: Token | undefined): void
}

const EVERYTHING = ['', '*'].map((value) => ({ type: 'STRING', value }))

/** The person's own mailboxes that hold messages, as the pythonfile finds them. */
export async function listMailboxes(client: ImapFlow, status?: AskedStatus): Promise<Mailbox[]> {
  const { own, foreign } = namespaces(client)
  // The status of other people's mailboxes is not asked for.
  const asksStatus = status !== undefined && client.capabilities.has('LIST-STATUS') && foreign.length === 0
  const extra = asksStatus ? [atom('RETURN'), [atom('STATUS'), status.items.map(atom)]] : []
  const found = new Map<string, Mailbox>()
  await command(client, 'LIST', [...EVERYTHING, ...extra], {
    STATUS([name, values]) {
      const text = textOf(name)
      if (text !== null) status?.take(keyOf(text), values)
    },
    LIST([attributes, separator, name]) {
      const text = textOf(name)
      if (text === null || !holdsMessages(attributes) || foreign.some((prefix) => text.startsWith(prefix))) return
      if (/[\0\r\n]/.test(text)) return
      const key = keyOf(text)
      const role = roleIn(attributes)
      const mailbox = { name: key, separator: textOf(separator), prefix: longest(own, text) }
      found.set(key, { ...mailbox, ...(role !== null && { role }) })
    },
  })
  return found.has('INBOX') ? [...found.values()] : [...(await unlisted(client, found.size === 0)), ...found.values()]
}

/**
 * Mailboxes that can be opened though LIST does not name them. A Cyrus lists nothing of whom it calls by a name with a
 * dot; where nothing is listed, the usual names are tried, too. Who has never had a mailbox has none.
 */
async function unlisted(client: ImapFlow, isNothingListed: boolean): Promise<Mailbox[]> {
  const space = (client.namespaces?.personal || [])[0]
  const { prefix = '', delimiter: separator = null } = space ?? {}
  const found: Mailbox[] = (await opens(client, 'INBOX')) ? [{ name: 'INBOX', separator, prefix: '' }] : []
  if (found.length === 0 || !isNothingListed) return found
  for (const name of USUAL_FOLDERS.map((folder) => `${prefix}${folder}`)) {
    if (await opens(client, name)) found.push({ name, separator, prefix })
  }
  return found
}

const ABSENT = /not exist|no such|unknown|not found|nonexistent/i

async function opens(client: ImapFlow, name: string): Promise<boolean> {
  try {
    await command(client, 'STATUS', [mailboxName(name), [atom('MESSAGES')]], {})
    return true
  } catch (error) {
    const { responseCode, text = '' } = endingOf(error)
    const isAbsent = isRefusal(error) && (responseCode === 'NONEXISTENT' || ABSENT.test(text))
    if (isAbsent || (isRefusal(error) && name !== 'INBOX')) return false
    throw error
  }
}

/** Other people's and shared mailboxes, as far as the person sees them. */
export async function listForeign(client: ImapFlow): Promise<Mailbox[]> {
  const { foreign } = namespaces(client)
  const found: Mailbox[] = []
  if (foreign.length === 0) return found
  await command(client, 'LIST', EVERYTHING, {
    LIST([, separator, name]) {
      const text = textOf(name) ?? ''
      if (foreign.some((prefix) => text.startsWith(prefix))) {
        found.push({ name: text, separator: textOf(separator), prefix: '' })
      }
    },
  })
  return found
}

/** The names that the person has subscribed to. */
export async function listSubscribed(client: ImapFlow): Promise<Set<string>> {
  const found = new Set<string>()
  await command(client, 'LSUB', EVERYTHING, {
    LSUB([attributes, , name]) {
      const text = textOf(name)
      if (text !== null && holdsMessages(attributes)) found.add(keyOf(text))
    },
  })
  return found
}

function keyOf(name: string): string {
  return isInbox(name) ? 'INBOX' : name
}

/** Whether the provider's patterns want the mailbox. */
export function isWanted({ name, separator }: Mailbox, { include, exclude }: Provider): boolean {
  const text = decodeName(name)
  const matches = (pattern: string) => matchesPattern(pattern, text, separator)
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches)
}

/** RFC 6154: most servers say so without being asked. */
function roleIn(attributes: Token | undefined): Role | null {
  const words = isList(attributes) ? attributes.map((attribute) => textOf(attribute) ?? '') : []
  return words.map(roleOfAttribute).find((role) => role !== null) ?? null
}

function holdsMessages(attributes: Token | undefined): boolean {
  const words = isList(attributes) ? attributes.map((attribute) => textOf(attribute)?.toLowerCase()) : []
  return !words.includes('\\noselect') && !words.includes('\\nonexistent')
}

/** Prefixes of the person's own mailboxes, and of other people's and shared ones (RFC 2342); imapflow has asked. */
function namespaces(client: ImapFlow): { own: string[]; foreign: string[] } {
  const said = client.capabilities.has('NAMESPACE') ? client.namespaces : undefined
  const [own, others, shared] = [said?.personal, said?.other, said?.shared].map(prefixesOf)
  const mine = own ?? []
  return { own: mine, foreign: [...(others ?? []), ...(shared ?? [])].filter((prefix) => !mine.includes(prefix)) }
}

type Space = readonly { readonly prefix: string }[] | false

function prefixesOf(space: Space | undefined): string[] {
  return space ? space.map(({ prefix }) => prefix).filter((prefix) => prefix !== '') : []
}

function longest(prefixes: readonly string[], name: string): string {
  return prefixes
    .filter((prefix) => name.startsWith(prefix))
    .reduce((best, prefix) => (prefix.length > best.length ? prefix : best), '')
}
