import { createHash } from 'node:crypto'
import { listMailboxes } from './compare.ts'
import { type ImapAccount, ImapWire } from './imap-wire.ts'
import { decodeName, namesOnNew } from './mailbox-names.ts'

/** What a copy has to carry beside what `compareAccounts` looks at, as lines, names as they are on the destination. */
export interface Beside {
  /** Folder, digest of the message, keywords; in order. */
  readonly keywords: readonly string[]
  readonly subscriptions: readonly string[]
}

/** Reads an account completely, changing nothing. */
export async function readBeside(account: ImapAccount, side: 'source' | 'destination'): Promise<Beside> {
  await using wire = await ImapWire.open(account)
  const names = await listMailboxes(wire)
  const mapped = side === 'source' ? namesOnNew(names) : new Map(names.map(({ name }) => [name, name]))
  const shown = (name: string) => decodeName(mapped.get(name) ?? name)
  const keywords: string[] = []
  for (const { name } of names) {
    const opened = await wire.command('EXAMINE ', Buffer.from(name))
    if (opened.some(({ line }) => line === '* 0 EXISTS')) continue
    for (const { line, literals } of await wire.command('FETCH 1:* (FLAGS BODY.PEEK[])')) {
      const [, flags] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
      if (flags === undefined || literals[0] === undefined) continue
      const words = flags.split(' ').filter((word) => word !== '' && !word.startsWith('\\'))
      const digest = createHash('sha256').update(literals[0]).digest('hex').slice(0, 12)
      keywords.push(`${shown(name)} ${digest} ${words.sort().join(' ')}`)
    }
  }
  const subscribed = (await wire.command('LSUB "" "*"')).flatMap(({ line, literals }) => {
    const [, attributes = '', word] = /^\* LSUB \(([^)]*)\) (?:"\\?."|NIL) (.*)$/.exec(line) ?? []
    if (word === undefined || /\\Noselect/i.test(attributes)) return []
    const name = literals[0]?.toString() ?? (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word)
    return [shown(name)]
  })
  return { keywords: keywords.sort(), subscriptions: subscribed.sort() }
}
