import { type ImapAccount, ImapWire, type Part } from './imap-wire.ts'
import { type Naming, nastyCommands, wireName } from './mailboxes.ts'

/** One message of so many bytes. */
const BIG = 5_000_000
const KEYWORDS = 40

/** Names as levels, in Unicode. */
const NAMES = [
  ['Case'],
  ['case'],
  ['CASE'],
  ['é composed'],
  ['e\u0301 composed'],
  ['n'.repeat(240)],
  ['only a parent', 'child'],
  ['%'],
  ['\\'],
  [' leading'],
  ['trailing '],
  ['INBOX', 'INBOX'],
  ['INBOX', 'inbox', 'x'],
]

/**
 * Puts into an account what seedMailboxes does and worse, as far as the server takes it, and subscribes to every second
 * folder.
 * @returns what it refused, in its words
 */
export async function seedUgly(account: ImapAccount, naming: Naming): Promise<string[]> {
  await using wire = await ImapWire.open(account)
  const refused: string[] = []
  const commands = [...nastyCommands(naming), ...uglier(naming)]
  await Promise.all(
    commands.map((command) =>
      wire.command(...command).catch((error: Error) => {
        refused.push(`${command.slice(0, 2).join('').slice(0, 60)}: ${error.message}`)
      }),
    ),
  )
  return refused
}

function uglier(naming: Naming): Part[][] {
  const names = NAMES.map((levels) => Buffer.from(wireName(levels, naming)))
  const inbox = Buffer.from('INBOX')
  return [
    ...names.map((name): Part[] => ['CREATE ', name]),
    ...names.filter((_, at) => at % 2 === 0).map((name): Part[] => ['SUBSCRIBE ', name]),
    ...names.flatMap((name) => [append(name, 'one', 'first'), append(name, 'one', 'other')]),
    ...Array.from({ length: KEYWORDS }, (_, at) => append(inbox, `kw ${at}`, 'x', `keyword${at}`)),
    append(inbox, 'big', `${'a line of the big one\r\n'.repeat(BIG / 23)}`),
    ['SUBSCRIBE INBOX'],
  ]
}

function append(mailbox: Buffer, subject: string, body: string, flags = ''): Part[] {
  const text = `From: a@old.example\r\nMessage-ID: <${subject}@old.example>\r\nSubject: ${subject}\r\n\r\n${body}\r\n`
  return ['APPEND ', mailbox, ` (${flags}) "03-Mar-2013 03:03:03 +0300" `, Buffer.from(text)]
}
