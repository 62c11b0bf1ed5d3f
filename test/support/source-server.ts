import { createHash, randomBytes } from 'node:crypto'
import { chown, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askUser } from './auth-master.ts'
import type { Certificate } from './certificates.ts'
import { type Debian, debian } from './debian.ts'
import { type Dovecot, type Place, startDovecot } from './dovecot.ts'
import { until } from './until.ts'

export interface SourceSettings {
  /** User name, with or without domain, to password. */
  people: Record<string, string>
  /** Whose Dovecot it is; Debian 12's by default: an old server. */
  debian?: Debian
  separator?: '/' | '.'
  prefix?: '' | 'INBOX.'
  tls?: Certificate
  /** Where it listens; loopback by default. */
  address?: string
  /** Slows down whoever fails, as Dovecot does by default. */
  anvilPenalty?: boolean
  /** How many connections one person may have from one address. */
  userIpConnections?: number
  /** How late a refusal comes, as Dovecot writes it: `2 secs`. */
  failureDelay?: string
  /** More Dovecot settings, after all others. */
  configuration?: string
}

/** A real old IMAP server. */
export interface Source extends Dovecot {
  /** The person's home; the mail is in `mail` below it. */
  home(user: string): string
  /** Adds a person, or changes the password. Holds from the next sign-in on. */
  setPassword(user: string, password: string): Promise<void>
  removePerson(user: string): Promise<void>
  /** How many sign-ins were tried so far, right or wrong. */
  loginCount(): Promise<number>
}

export async function startSource(settings: SourceSettings): Promise<Source> {
  const people = new Map(Object.entries(settings.people))
  let revision = 0
  const save = ({ folder, users }: Place) => writePeople(folder, users.auth, people, ++revision)
  let place: Place | undefined
  const dovecot = await startDovecot({
    name: 'old',
    debian: settings.debian ?? debian(12),
    ...(settings.tls && { tls: settings.tls }),
    ...(settings.address && { address: settings.address }),
    configuration: async (given) => {
      place = given
      await save(given)
      return configuration(given, settings)
    },
  })
  const socket = join(dovecot.folder, 'run', 'auth-userdb')
  const change = async () => {
    await save(place as Place)
    await noticed(socket, revision)
  }
  return {
    ...dovecot,
    home: (user) => join(dovecot.mailRoot, homeName(user)),
    setPassword: (user, password) => {
      people.set(user, password)
      return change()
    },
    removePerson: (user) => {
      people.delete(user)
      return change()
    },
    loginCount: async () => {
      const marker = `marker-${randomBytes(8).toString('hex')}`
      const log = await until(async () => {
        // Sometimes Dovecot writes down its first lines only when another comes.
        await askUser(socket, marker)
        const text = dovecot.log()
        return text.includes(marker) && text
      }, 'the log is written')
      return log.slice(0, log.indexOf(marker)).match(/ client in: AUTH\t/g)?.length ?? 0
    },
  }
}

function configuration(place: Place, settings: SourceSettings): string {
  const { separator = '/', prefix = '', userIpConnections = 100, anvilPenalty, failureDelay = 0 } = settings
  return `
${place.debian.dovecot === '2.3' ? people23(place) : people24(place)}
auth_username_chars =
auth_failure_delay = ${failureDelay}
mail_max_userip_connections = ${userIpConnections}
mail_uid = ${place.users.mail.uid}
mail_gid = ${place.users.mail.gid}
mail_home = ${place.mailRoot}
namespace inbox {
  inbox = yes
  separator = ${separator}
  prefix = ${prefix}
}
${anvilPenalty ? 'service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0600\n  }\n}' : ''}
${settings.configuration ?? ''}`
}

function people23({ folder }: Place): string {
  const passwd = `driver = passwd-file\n  args = username_format=%u ${folder}/people`
  return `
auth_username_format = %u
mail_location = maildir:~/mail
mail_plugins = listescape
passdb {
  ${passwd}
}
userdb {
  ${passwd}
}`
}

function people24({ folder }: Place): string {
  return `
auth_username_format = %{user}
passwd_file_path = ${folder}/people
mail_driver = maildir
mail_path = ~/mail
mail_inbox_path = ~/mail
mailbox_list_storage_escape_char = "\\\\"
passdb passwd-file {
}
userdb passwd-file {
}`
}

async function writePeople(
  folder: string,
  owner: { uid: number; gid: number },
  people: Map<string, string>,
  revision: number,
): Promise<void> {
  const lines = [...people].map(([user, password]) => {
    return `${fileName(user)}:${hashed(password)}::::${join(folder, 'mail', homeName(user))}::`
  })
  lines.push(`${REVISION}:{PLAIN}!::::/nowhere::userdb_revision=${revision}`)
  // Dovecot looks at size and whole seconds only: no two revisions may have the same size.
  lines.push(`# ${'.'.repeat(revision)}`)
  const file = join(folder, 'people')
  await writeFile(`${file}.new`, `${lines.join('\n')}\n`, { mode: 0o600 })
  await chown(`${file}.new`, owner.uid, owner.gid)
  await rename(`${file}.new`, file)
}

const REVISION = 'revision-of-this-file'

async function noticed(socket: string, revision: number): Promise<void> {
  await until(
    async () => (await askUser(socket, REVISION)).includes(`revision=${revision}`),
    'the password file is read again',
  )
}

/** As Dovecot escapes the name before it looks it up. */
function fileName(user: string): string {
  return user.replace(/["'\\]/g, '\\$&')
}

function homeName(user: string): string {
  return user.replace(/[^A-Za-z0-9@.+_-]/g, (character) => `=${character.codePointAt(0)?.toString(16)}`)
}

function hashed(password: string): string {
  const salt = randomBytes(8)
  const hash = createHash('sha512').update(password, 'utf8').update(salt).digest()
  return `{SSHA512}${Buffer.concat([hash, salt]).toString('base64')}`
}
