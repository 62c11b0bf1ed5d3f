import { type ImapAccount, ImapWire } from './imap-wire.ts'

/** A folder as a mail program that keeps a copy knows it. */
export interface FolderState {
  readonly uidValidity: string
  readonly uidNext: string
  readonly isSubscribed: boolean
  /** Flags, keywords, date, size and subject by UID. */
  readonly messages: Readonly<Record<string, string>>
}

/** A message where it was found. */
export interface Found {
  readonly folder: string
  /** Flags and keywords. */
  readonly marks: string
  readonly messageId: string
  /** Its UIDVALIDITY and UID. */
  readonly number: string
}

/** What an account has, wherever it is. */
export interface BySubject {
  /** Once for each time that it is there. */
  readonly messages: ReadonlyMap<string, readonly Found[]>
  /** Folders beside the INBOX. */
  readonly subscribed: ReadonlySet<string>
}

type Everything = Readonly<Record<string, Partial<FolderState>>>

/** Without what a Courier does not tell. */
export function numbered(state: Everything): Everything {
  return Object.fromEntries(Object.entries(state).map(([name, folder]) => [name, { ...folder, uidNext: '' }]))
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
      const [, date = ''] = /INTERNALDATE "([^"]*)"/.exec(line) ?? []
      if (uid !== '') messages[uid] = `${marksIn(line)} | ${Date.parse(date)} | ${literals[0]?.toString().trimEnd()}`
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

/** Those that open. */
export function namesIn(responses: readonly { readonly line: string }[]): string[] {
  return responses.flatMap(({ line }) => {
    const [, attributes = '', name = ''] = /^\* (?:LIST|LSUB) \(([^)]*)\) (?:"[^"]*"|NIL) (.+)$/.exec(line) ?? []
    return name === '' || /noselect|nonexistent/i.test(attributes) ? [] : [name.replace(/^"|"$/g, '')]
  })
}

/** All messages of an account, by subject. */
export async function bySubject(account: ImapAccount): Promise<BySubject> {
  await using wire = await ImapWire.open(account)
  const messages = new Map<string, Found[]>()
  for (const folder of namesIn(await wire.command('LIST "" "*"'))) {
    for (const [subject, one] of await messagesIn(wire, folder)) {
      messages.set(subject, [...(messages.get(subject) ?? []), one])
    }
  }
  const subscribed = new Set(namesIn(await wire.command('LSUB "" "*"')))
  subscribed.delete('INBOX')
  return { messages, subscribed }
}

async function messagesIn(wire: ImapWire, folder: string): Promise<[subject: string, Found][]> {
  const opened = await wire.command(`EXAMINE "${folder}"`)
  if (opened.some(({ line }) => line === '* 0 EXISTS')) return []
  const [, validity = ''] = /UIDVALIDITY (\d+)/.exec(opened.map(({ line }) => line).join(' ')) ?? []
  const answers = await wire.command('UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)])')
  return answers.flatMap(({ line, literals }) => {
    const header = literals[0]?.toString() ?? ''
    const [, subject] = /^Subject: (.*)\r$/im.exec(header) ?? []
    const [, messageId = ''] = /^Message-ID: (.*)\r$/im.exec(header) ?? []
    const [, uid = ''] = /\bUID (\d+)/.exec(line) ?? []
    return subject === undefined
      ? []
      : [[subject, { folder, marks: marksIn(line), messageId, number: `${validity} ${uid}` }]]
  })
}

/** Of an answer to FETCH. */
function marksIn(line: string): string {
  const [, flags = ''] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
  const marks = flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent')
  return marks.sort().join(' ')
}
