import { batchesOf } from '../../src/model/batches.ts'
import { ImapWire } from './imap-wire.ts'

const MANY = 1_500

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
    for (const batch of batchesOf(bodies, MANY)) {
      const append = (some: readonly Buffer[]) =>
        wire.command('APPEND ', Buffer.from(name), ...some.flatMap((body) => [' ', body]))
      // MULTIAPPEND (RFC 3502), which not every server knows: a Dovecot reads its whole folder again for each command.
      await (messages > MANY ? append(batch) : Promise.all(batch.map((body) => append([body]))))
    }
  }
}

let number = 0

function text(user: string, name: string): string {
  return `From: someone@old.example\r\nMessage-ID: <${++number}@old.example>\r\nSubject: ${number} for ${user} in ${name}\r\n\r\nHello\r\n`
}
