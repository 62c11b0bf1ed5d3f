import { type ImapAccount, ImapWire, type Part } from './imap-wire.ts'
import { encodeName } from './mailbox-names.ts'
import { nastyMessages } from './messages.ts'

/** How the source names mailboxes. */
export interface Naming {
  separator: '/' | '.'
  prefix: '' | 'INBOX.'
}

const FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft']
const KEYWORDS = ['$Forwarded', 'NonJunk', '$label1']

/** All instants that Dovecot itself stores and shows: from 1970 to 2038, with the zones that exist. */
const DATES = [
  '01-Jan-1970 00:00:00 +0000',
  '01-Jan-1970 00:00:01 +0000',
  '31-Dec-1980 23:59:59 -1200',
  '09-Sep-2001 01:46:40 +0000',
  '29-Feb-2000 12:00:00 +0545',
  '31-Mar-2019 02:30:00 +0100',
  '27-Oct-2019 02:30:00 +0200',
  ' 5-Nov-2019 08:07:06 -0930',
  '31-Dec-1999 23:59:59 +1400',
  '19-Jan-2038 03:14:07 +0000',
]

/** Names as levels, in Unicode. */
const FOLDERS = [
  ['Sent'],
  ['Drafts'],
  ['Archive', '2019'],
  ['Archive', '2020', 'Q1'],
  ['a', 'b'],
  ['with "quotes"'],
  ['"'],
  ["apostrophe's"],
  ['(open'],
  ['back\\slash\\'],
  ['100% %s %(x)s'],
  ['star*'],
  ['R&D'],
  ['&'],
  ['Entwürfe'],
  ['日本語', '台北'],
  ['emoji 😀'],
  ['e\u0301 decomposed'],
  ['~tilde', '~x~'],
  [' blanks  everywhere '],
  ['INBOX', 'child'],
  ['INBOX', 'child', 'inbox'],
  ['Work', 'inbox'],
  ['cur'],
  ['new', 'tmp'],
  ['literal{5}'],
  ['NIL'],
  ['semi;colon #hash $dollar `tick` {brace}'],
  ['no messages'],
  ['get_user("m-1")'],
  ['x'.repeat(190)],
]
const WITH_DOTS = [
  ['a.b'],
  ['.hidden'],
  ['.hidden', 'sub'],
  ['trailing.'],
  ['..', '..', 'escape'],
  ['INBOX.kid'],
  ['\\2e'],
  ['[Gmail]', 'All Mail'],
]
const WITH_SLASHES = [
  ['a/b'],
  ['a\u2215b'],
  ['/'],
  ['ü/ü'],
  ['inbox'],
  ['inbox', 'kid'],
  ['/etc/passwd'],
  ['[Gmail]/All Mail'],
]

/**
 * Fills an account over IMAP with what breaks copies: 39 mailboxes beside the INBOX, a few hundred messages, the same
 * at every call. One mailbox stays empty.
 */
export async function seedMailboxes(account: ImapAccount, naming: Naming): Promise<void> {
  await using wire = await ImapWire.open(account)
  await Promise.all(nastyCommands(naming).map((command) => wire.command(...command)))
}

/** The same as commands, in their order. */
export function nastyCommands(naming: Naming): Part[][] {
  const levels = [...FOLDERS, ...(naming.separator === '/' ? WITH_DOTS : WITH_SLASHES)].filter((each) => {
    // Without a prefix that is the INBOX itself.
    return naming.prefix !== '' || each.join() !== 'inbox'
  })
  const names = levels.map((each) => Buffer.from(wireName(each, naming)))
  const commands: Part[][] = names.map((name) => ['CREATE ', name])
  nastyMessages().forEach((body, at) => {
    commands.push(append(Buffer.from('INBOX'), body, at))
  })
  names.forEach((name, at) => {
    if (levels[at]?.[0] === 'no messages') return
    for (let number = 0; number < 3 + (at % 5); number++) {
      commands.push(append(name, ordinaryMessage(at, number), at + number))
    }
  })
  return commands
}

/** A mailbox's name at the source in modified UTF-7. */
export function wireName(levels: string[], { separator, prefix }: Naming): string {
  const inPrefix = levels[0] === 'INBOX' && prefix === 'INBOX.'
  return (inPrefix ? '' : prefix) + levels.map(encodeName).join(separator)
}

function append(mailbox: Buffer, body: Buffer, at: number): Part[] {
  const flags = FLAGS.filter((_, bit) => (at >> bit) & 1)
  if (at % 7 === 0) flags.push(KEYWORDS[at % KEYWORDS.length] ?? '')
  return ['APPEND ', mailbox, ` (${flags.join(' ')}) "${DATES[at % DATES.length]}" `, body]
}

function ordinaryMessage(folder: number, number: number): Buffer {
  return Buffer.from(
    [
      'From: Someone <someone@old.example>',
      `Message-ID: <${folder}.${number}@old.example>`,
      'Date: Thu, 1 Apr 2010 10:00:00 +0200',
      `Subject: Message ${number} of folder ${folder}`,
      '',
      'A message like most.',
      '',
    ].join('\r\n'),
  )
}
