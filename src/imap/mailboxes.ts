import type { ImapFlow } from 'imapflow'
import { decodeName, isInbox, type Mailbox } from '../model/mailbox.ts'
import type { Provider } from '../model/provider.ts'
import { matchesPattern } from './list-patterns.ts'
import { command, isList, type Token, textOf } from './raw.ts'

/** The person's own mailboxes that hold messages, as the pythonfile finds them. */
export async function listMailboxes(client: ImapFlow): Promise<Mailbox[]> {
  const { own, foreign } = await namespaces(client)
  const found = new Map<string, Mailbox>()
  await command(
    client,
    'LIST',
    [
      { type: 'STRING', value: '' },
      { type: 'STRING', value: '*' },
    ],
    {
      LIST([attributes, separator, name]) {
        const text = textOf(name)
        if (text === null || !holdsMessages(attributes) || foreign.some((prefix) => text.startsWith(prefix))) return
        if (/[\0\r\n]/.test(text)) return
        const key = isInbox(text) ? 'INBOX' : text
        found.set(key, { name: key, separator: textOf(separator), prefix: longest(own, text) })
      },
    },
  )
  return [...found.values()]
}

/** Whether the provider's patterns want the mailbox. */
export function isWanted({ name, separator }: Mailbox, { include, exclude }: Provider): boolean {
  const text = decodeName(name)
  const matches = (pattern: string) => matchesPattern(pattern, text, separator)
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches)
}

function holdsMessages(attributes: Token | undefined): boolean {
  const words = isList(attributes) ? attributes.map((attribute) => textOf(attribute)?.toLowerCase()) : []
  return !words.includes('\\noselect') && !words.includes('\\nonexistent')
}

/** Prefixes of the person's own mailboxes, and of other people's and shared ones (RFC 2342). */
async function namespaces(client: ImapFlow): Promise<{ own: string[]; foreign: string[] }> {
  if (!client.capabilities.has('NAMESPACE')) return { own: [], foreign: [] }
  let [own, others, shared]: string[][] = []
  await command(client, 'NAMESPACE', false, {
    NAMESPACE(spaces) {
      ;[own, others, shared] = spaces.map(prefixesOf)
    },
  })
  const mine = own ?? []
  return { own: mine, foreign: [...(others ?? []), ...(shared ?? [])].filter((prefix) => !mine.includes(prefix)) }
}

function prefixesOf(space: Token): string[] {
  if (!isList(space)) return []
  return space.map((each) => (isList(each) ? (textOf(each[0]) ?? '') : '')).filter((prefix) => prefix !== '')
}

function longest(prefixes: readonly string[], name: string): string {
  return prefixes
    .filter((prefix) => name.startsWith(prefix))
    .reduce((best, prefix) => (prefix.length > best.length ? prefix : best), '')
}
