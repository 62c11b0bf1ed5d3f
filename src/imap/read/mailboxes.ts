import type { ImapFlow } from 'imapflow'
import type { Namespace } from '../../model/account.ts'
import { CouldNotAsk } from '../../model/ledger.ts'
import { decodeName, isInbox, type Mailbox } from '../../model/mailbox.ts'
import type { Provider } from '../../model/provider.ts'
import { type Role, roleOfAttribute } from '../../model/roles.ts'
import { USUAL_FOLDERS } from '../../model/usual-folders.ts'
import type { LoggedIn } from '../login/connection.ts'
import { endingOf } from '../login/ending.ts'
import { matchesPattern } from './list-patterns.ts'
import { atom, command, isList, mailboxName, said, type Token, textOf } from './raw.ts'
import { isRefusal } from './session.ts'

/** What to ask of all mailboxes within LIST (RFC 5819); the answers come by name, some never. */
export interface AskedStatus {
  readonly items: readonly string[]
  take(name: string, values: Token | undefined): void
}

const EVERYTHING = ['', '*'].map((value) => ({ type: 'STRING', value }))

/** What a person sees at the source. */
export interface Listed {
  /** Her own mailboxes that hold messages, as the pythonfile finds them. */
  readonly own: readonly Mailbox[]
  /** Other people's and shared ones. */
  readonly foreign: readonly Mailbox[]
  /** Of her own (RFC 2342); null: the server tells none, or several. */
  readonly namespace: Namespace | null
  /** LIST names no mailbox, and yet some open: there may be others. */
  readonly isListEmpty: boolean
}

interface Row {
  readonly attributes: Token | undefined
  readonly separator: string | null
  readonly name: string
}

export async function listMailboxes(client: LoggedIn, status?: AskedStatus): Promise<Listed> {
  // The status of other people's mailboxes is not asked for, if it is known that there are some.
  const asksStatus = status !== undefined && client.capabilities.has('LIST-STATUS') && !isSharing(client)
  const extra = asksStatus ? [atom('RETURN'), [atom('STATUS'), status.items.map(atom)]] : []
  const rows: Row[] = []
  await command(client, 'LIST', [...EVERYTHING, ...extra], {
    STATUS([name, values]) {
      const text = textOf(name)
      if (text !== null) status?.take(keyOf(text), values)
    },
    LIST([attributes, separator, name]) {
      const text = textOf(name)
      if (text !== null) rows.push({ attributes, separator: textOf(separator), name: text })
    },
  })
  rows.push(...client.takeUnread().flatMap(looselyRead))
  // Told by now: it was asked first.
  const { own, foreign } = namespaces(client)
  noteSharing(client, foreign.length > 0)
  const isForeign = ({ name }: Row) => foreign.some((prefix) => name.startsWith(prefix))
  const found = new Map(rows.filter((row) => !isForeign(row)).flatMap((row) => ownIn(row, own)))
  const opened = found.has('INBOX') ? [] : await unlisted(client, found.size === 0)
  return {
    own: [...opened, ...found.values()],
    foreign: rows.filter(isForeign).map(({ name, separator }) => ({ name, separator, prefix: '' })),
    namespace: personal(client),
    isListEmpty: found.size === 0 && opened.length > 0,
  }
}

/** What servers write that do not escape quotes and backslashes, and what nobody can read. @throws CouldNotAsk */
function looselyRead(line: string): Row[] {
  if (!/^\* LIST /i.test(line)) return []
  const [, attributes, separator = '', name = ''] = LOOSE_ROW.exec(line) ?? []
  if (attributes === undefined)
    throw new CouldNotAsk('old-protocol', `the old server lists a folder that cannot be read: ${said(line)}`)
  return [
    {
      attributes: attributes.split(' ').map(atom),
      separator: /^NIL$/i.test(separator) ? null : (separator.at(-2) ?? null),
      name: /^"(.*)"$/.exec(name)?.[1] ?? name,
    },
  ]
}

const LOOSE_ROW = /^\* LIST \(([^)]*)\) (NIL|"\\?[^"]?") (.*\S)\s*$/i

function ownIn({ attributes, separator, name }: Row, own: readonly string[]): [string, Mailbox][] {
  if (!holdsMessages(attributes) || /[\0\r\n]/.test(name)) return []
  const role = roleIn(attributes)
  const key = keyOf(name)
  return [[key, { name: key, separator, prefix: longest(own, name), ...(role !== null && { role }) }]]
}

/** By host and port: servers that show people what is not their own. */
const sharing = new Set<string>()

function isSharing(client: LoggedIn): boolean {
  return client.namespaces === undefined ? sharing.has(client.place) : namespaces(client).foreign.length > 0
}

function noteSharing({ place }: LoggedIn, isSharing: boolean): void {
  if (isSharing) sharing.add(place)
  else sharing.delete(place)
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

/** The names that the person has subscribed to. */
export async function listSubscribed(client: ImapFlow): Promise<ReadonlySet<string>> {
  try {
    return await subscribedNames(client)
  } catch (error) {
    // A server that knows no subscriptions has none.
    if (isRefusal(error)) return new Set()
    throw error
  }
}

async function subscribedNames(client: ImapFlow): Promise<ReadonlySet<string>> {
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

function personal({ capabilities, namespaces: said }: LoggedIn): Namespace | null {
  const [only, ...others] = (capabilities.has('NAMESPACE') && said?.personal) || []
  if (only === undefined || others.length > 0 || only.delimiter == null) return null
  return { prefix: only.prefix, separator: only.delimiter }
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
