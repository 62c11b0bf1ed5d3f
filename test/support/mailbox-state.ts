import { type ImapAccount, ImapWire } from './imap-wire.ts'

/** A folder as a mail program that keeps a copy knows it. */
export interface FolderState {
  readonly uidValidity: string
  readonly uidNext: string
  readonly isSubscribed: boolean
  /** Flags, keywords, date, size and subject by UID. */
  readonly messages: Readonly<Record<string, string>>
}

/** All folders of an account, by the name that the server gives them. */
export async function everythingOf(account: ImapAccount): Promise<Record<string, FolderState>> {
  await using wire = await ImapWire.open(account)
  const subscribed = new Set(namesIn(await wire.command('LSUB "" "*"')))
  const found: Record<string, FolderState> = {}
  for (const name of namesIn(await wire.command('LIST "" "*"')).sort()) {
    const opened = (await wire.command(`EXAMINE "${name}"`)).map(({ line }) => line).join('\n')
    const messages: Record<string, string> = {}
    for (const { line, literals } of await wire.command('UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])')) {
      const [, uid = ''] = /\bUID (\d+)/.exec(line) ?? []
      const [, flags = ''] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
      const [, date = ''] = /INTERNALDATE "([^"]*)"/.exec(line) ?? []
      const marks = flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent')
      if (uid !== '')
        messages[uid] = `${marks.sort().join(' ')} | ${Date.parse(date)} | ${literals[0]?.toString().trimEnd()}`
    }
    found[name] = {
      uidValidity: /UIDVALIDITY (\d+)/.exec(opened)?.[1] ?? '',
      uidNext: /UIDNEXT (\d+)/.exec(opened)?.[1] ?? '',
      isSubscribed: subscribed.has(name),
      messages,
    }
  }
  return found
}

function namesIn(responses: readonly { readonly line: string }[]): string[] {
  return responses.flatMap(({ line }) => {
    const [, attributes = '', name = ''] = /^\* (?:LIST|LSUB) \(([^)]*)\) (?:"[^"]*"|NIL) (.+)$/.exec(line) ?? []
    return name === '' || /noselect|nonexistent/i.test(attributes) ? [] : [name.replace(/^"|"$/g, '')]
  })
}
