import { ImapWire } from './imap-wire.ts'

/** Puts so many small messages into each of a person's mailboxes; each message is one of its kind. */
export async function seed(
  port: number,
  [user, password]: readonly [string, string],
  messages: number,
  mailboxes: readonly string[] = ['INBOX', 'Sent'],
): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user, password })
  for (const name of mailboxes) {
    if (name !== 'INBOX') await wire.command('CREATE ', Buffer.from(name)).catch(() => undefined)
    const bodies = Array.from({ length: messages }, () => Buffer.from(text(user, name)))
    await Promise.all(bodies.map((body) => wire.command('APPEND ', Buffer.from(name), ' ', body)))
  }
}

let number = 0

function text(user: string, name: string): string {
  return `From: someone@old.example\r\nMessage-ID: <${++number}@old.example>\r\nSubject: ${number} for ${user} in ${name}\r\n\r\nHello\r\n`
}
