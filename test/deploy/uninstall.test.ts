import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import { openTestDatabase } from '../support/database.ts'
import { bothDebians, type Debian } from '../support/debian.ts'
import { type Place, startDovecot } from '../support/dovecot.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { freePort } from '../support/loopback.ts'
import { uidlsOf } from '../support/pop3.ts'

// The accounts that docs/operate/mail-server.md hands to Dovecot itself: people go on as before.

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/operate/mail-server.md'), 'utf8')
const PASSWORD = 'a password'
const PEOPLE = [
  { name: 'cyrus', namespace: ['INBOX.', '.'], uidl: 'cyrus', sent: 'INBOX.Sent.2019', first: /^\d+\.1$/ },
  { name: 'stock', namespace: ['', '.'], uidl: 'uid', sent: 'Sent.2019', first: /^1$/ },
  { name: 'other', namespace: [null, null], uidl: null, sent: 'Sent/2019', first: /^[0-9a-f]{16}$/ },
] as const

const database = await openTestDatabase()
t.teardown(() => database[Symbol.asyncDispose]())
for (const { name, namespace, uidl } of PEOPLE) {
  const [prefix, separator] = namespace
  await sql`insert into account (address, password_hash, password_source, home, namespace_prefix, namespace_separator, kept_uidl)
    values (${`${name}@new.example`}, ${`{PLAIN}${PASSWORD}`}, 'source', ${`/HOMES/${name}`}, ${prefix}, ${separator}, ${uidl})`.execute(
    database.kysely,
  )
}

/** What psql prints of the accounts, as the page says it for that Dovecot. */
async function exported({ dovecot }: Debian): Promise<string> {
  const [, query = ''] = /psql "\$DATABASE_URL" -Atc "([^"]*)"/.exec(PAGE) ?? []
  const [, ...forNewer] = /For Dovecot 2\.4 write `(%%[^`]+)` and `(%%[^`]+)`/.exec(PAGE) ?? []
  const [cyrus = '', uid = ''] = forNewer
  const said = dovecot === '2.3' ? query : query.replace('%%v.%%u', cyrus).replace("'%%u'", `'${uid}'`)
  const { rows } = await sql.raw<{ [column: string]: string }>(said).execute(database.kysely)
  return rows.map((row) => `${Object.values(row)[0]}\n`).join('')
}

for (const debian of bothDebians()) {
  t.test(`whom Dovecot ${debian.dovecot} lets in by itself keeps folders and POP3 numbers`, async (t) => {
    const pop3Port = await freePort()
    const accounts = await exported(debian)
    await using dovecot = await startDovecot({
      ...{ name: 'new', debian },
      configuration: (place) => configuration(place, accounts, pop3Port),
    })
    for (const { name, sent, first } of PEOPLE) {
      const person = { user: `${name}@new.example`, password: PASSWORD }
      await using wire = await ImapWire.open({ host: 'localhost', port: dovecot.port, ...person })
      await wire.command('APPEND INBOX () ', Buffer.from('Subject: one\r\n\r\none\r\n'))
      await wire.command(`CREATE "${sent}"`)
      const listed = (await wire.command('LIST "" "*"')).map(({ line }) => line).join('\n')
      t.match(listed, new RegExp(`"?${sent.replaceAll('.', '\\.')}"?$`, 'm'), `${name}: ${listed}`)
      t.match((await uidlsOf({ port: pop3Port, ...person })).get('one'), first, name)
    }
  })
}

function configuration({ folder, mailRoot, users, debian }: Place, accounts: string, pop3Port: number): string {
  const file = join(folder, 'users')
  writeFileSync(file, accounts.replaceAll('/HOMES', mailRoot), { mode: 0o644 })
  mkdirSync(mailRoot, { recursive: true })
  const [mail, passdb] =
    debian.dovecot === '2.3'
      ? [
          'mail_location = maildir:~/Maildir\nprotocols = imap pop3',
          `passdb {\n  driver = passwd-file\n  args = ${file}\n}\nuserdb {\n  driver = passwd-file\n  args = ${file}\n}`,
        ]
      : [
          'mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\nprotocols {\n  imap = yes\n  pop3 = yes\n}',
          `passdb passwd-file {\n  passwd_file_path = ${file}\n}\nuserdb passwd-file {\n  passwd_file_path = ${file}\n}`,
        ]
  return `${mail}
${passdb}
mail_uid = ${users.mail.uid}
mail_gid = ${users.mail.gid}
namespace inbox {
  inbox = yes
  separator = /
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop3Port}
  }
  inet_listener pop3s {
    port = 0
  }
}`
}

t.end()
