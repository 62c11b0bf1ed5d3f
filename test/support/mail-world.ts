import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { certificates } from './certificates.ts'
import { whereIs } from './ferry.ts'
import { type MailServers, type MailSettings, startMailServers } from './mail-servers.ts'
import { type Source, startSource } from './source-server.ts'

export interface MailWorldSettings extends MailSettings {
  /** Between the levels of folders at the old server; by default as here. A stock Maildir has a dot. */
  readonly separator?: '/' | '.'
  /** More of the old Dovecot's configuration. */
  readonly old?: string
}

/** An old mail server and a new one, with Postfix and Dovecot each, and postferry between them. */
export interface MailWorld extends MailServers<Source> {
  /** The mailboxes that have the marked message, once for each time: `old anna@old.example`, `new old.example/anna`. */
  mailboxesWith(mark: string): string[]
  /** All messages whose headers match, by what the pattern captures, and the mailbox. */
  marked(pattern: RegExp): [mark: string, mailbox: string][]
}

export async function startMailWorld(settings: MailWorldSettings): Promise<MailWorld> {
  const { server: tls } = await certificates()
  const configuration = settings.old === undefined ? {} : { configuration: settings.old }
  const { separator = '/' } = settings
  const old = await startSource({ people: { ...settings.people }, tls, separator, ...configuration })
  const servers = await startMailServers({ server: old, where: whereIs(old), delivery: deliveryTo(old) }, settings)
  const marked = (pattern: RegExp): [string, string][] => [
    ...found(old.mailRoot, pattern).map(([mark, path]) => [mark, `old ${path.split('/')[0]}`] as [string, string]),
    ...found(servers.dovecot.mailRoot, pattern).map(
      ([mark, path]) => [mark, `new ${path.split('/').slice(0, 2).join('/')}`] as [string, string],
    ),
  ]
  return Object.assign(servers, {
    marked,
    mailboxesWith: (mark: string) => marked(new RegExp(`^Subject: (${mark})\\r?$`, 'm')).map(([, mailbox]) => mailbox),
  })
}

export function deliveryTo({ mailRoot: base, mailOwner: owner, home }: Source) {
  return { base, owner, maildir: (person: string) => `${relative(base, home(person))}/mail/` }
}

/** The messages below a folder that match, by what is captured, with their path from there. */
function found(root: string, pattern: RegExp): [mark: string, path: string][] {
  if (!existsSync(root)) return []
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\/(new|cur)$/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
  return files.flatMap((file) => {
    const [, mark] = pattern.exec(readFileSync(file, 'utf8')) ?? []
    return mark === undefined ? [] : [[mark, relative(root, file)] as [string, string]]
  })
}
