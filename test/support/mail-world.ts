import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { certificates } from './certificates.ts'
import type { Debian } from './debian.ts'
import { startNew } from './destination.ts'
import type { Dovecot } from './dovecot.ts'
import { type Ferry, mustRun, startFerry } from './ferry.ts'
import { freePort } from './loopback.ts'
import { messageId } from './message-id.ts'
import { type Postfix, startPostfix } from './postfix.ts'
import { signIn } from './sign-in.ts'
import { Smtp } from './smtp.ts'
import type { Source } from './source-server.ts'
import { HANG_MS } from './until.ts'

const SHIPPED = join(import.meta.dirname, '../../deploy/postfix')
const PROTOCOLS = { '2.3': 'protocols = imap lmtp', '2.4': 'protocols {\n  lmtp = yes\n}' }
const SASL = 'service auth {\n  unix_listener postfix-auth {\n    mode = 0666\n  }\n}'
/** Nobody waits for the sender's own server. */
const ELSEWHERE = 'smtp_host_lookup = native\ntransport_maps = inline:{ else.example=discard: }'

export interface MailSettings {
  /** Whose Dovecot and Postfix are the new server's. */
  readonly debian: Debian
  /** Address on the old server to password. */
  readonly people: Readonly<Record<string, string>>
  /** Whom the old server hands over to the new one. */
  readonly handedBack?: readonly string[]
  /** More of the service's settings. */
  readonly service?: NodeJS.ProcessEnv
  /** Whose mail the new Postfix takes without asking first; nobody's by default: whoever brings mail is a stranger. */
  readonly trusted?: string
  /** People work on the old server, through the new one, until they are flipped. */
  readonly isProxied?: boolean
  /** More of the old Dovecot's configuration. */
  readonly old?: string
  /** More of the new one's. */
  readonly new?: string
}

/** An old mail server and a new one, with Postfix and Dovecot each, and postferry between them. */
export interface MailWorld extends AsyncDisposable {
  readonly ferry: Ferry
  readonly dovecot: Dovecot
  readonly newPostfix: Postfix
  /** May be disposed of, and started again by `startOldPostfix`. */
  oldPostfix: Postfix
  startOldPostfix(): Promise<void>
  /** Signs in at the new server. @returns what the mail program sees */
  signIn(user: string, password: string): Promise<string>
  /** Brings a message to the new server's MX, or to the old one's; the subject is the mark. */
  send(mark: string, recipients: readonly string[], port?: number): Promise<string[]>
  /** The mailboxes that have the marked message, once for each time: `old anna@old.example`, `new old.example/anna`. */
  mailboxesWith(mark: string): string[]
  /** All messages whose headers match, by what the pattern captures, and the mailbox. */
  marked(pattern: RegExp): [mark: string, mailbox: string][]
  /** Resolves when nothing waits on its way any more. */
  isQuiet(): Promise<void>
}

export async function startMailWorld(settings: MailSettings): Promise<MailWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-mail-'))
  chmodSync(folder, 0o755)
  const homeRoot = join(folder, 'homes')
  const ports = { old: await freePort(), new: await freePort(), socketmap: await freePort() }
  const proxy = settings.isProxied ? { port: await freePort(), key: 'the key of doveadm' } : undefined
  const keyFile = join(folder, 'doveadm-key')
  if (proxy) writeFileSync(keyFile, `${proxy.key}\n`)
  const ferry = await startFerry(
    { ...settings.people },
    {
      ...(proxy && {
        POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${proxy.port}`,
        POSTFERRY_DOVEADM_KEY_FILE: keyFile,
      }),
      POSTFERRY_HOME: `${homeRoot}/%d/%n`,
      POSTFERRY_SOCKETMAP_PORT: `${ports.socketmap}`,
      POSTFERRY_RECIPIENT_DELIMITER: '+',
      ...settings.service,
    },
    settings.old === undefined ? {} : { configuration: settings.old },
  )
  const { service, old } = ferry
  const { debian } = settings
  const dovecot = await startNew({
    ...{ passdb: 'lua', url: service.url, token: service.token, homeRoot, debian },
    ...(proxy && { proxy }),
    configuration: `${PROTOCOLS[debian.dovecot]}\n${SASL}\n${settings.new ?? ''}`,
  })
  await mustRun(service, 'provider', 'set', 'old', '--mx', '127.0.0.1', '--mx-port', `${ports.old}`)
  if (proxy) {
    // Of the name's addresses Dovecot takes the first, which may be ::1.
    await mustRun(service, 'provider', 'set', 'old', '--host', '127.0.0.1')
    await mustRun(service, 'provider', 'approve', 'old')
    await mustRun(service, 'provider', 'set', 'old', '--cutover', 'proxied', '--flip', 'manual', '--engine', 'doveadm')
  }
  const newPostfix = await startPostfix({
    ...{ debian, port: ports.new, hostname: 'mx.new.example' },
    saslPath: join(dovecot.folder, 'run/postfix-auth'),
    mainCf: `${newServer(dovecot, ports.socketmap)}\nmynetworks = ${settings.trusted ?? '192.0.2.1'}`,
  })
  const oldConfiguration = await oldServer(folder, old, settings, ports.new)
  const marked = (pattern: RegExp): [string, string][] => [
    ...found(old.mailRoot, pattern).map(([mark, path]) => [mark, `old ${path.split('/')[0]}`] as [string, string]),
    ...found(homeRoot, pattern).map(
      ([mark, path]) => [mark, `new ${path.split('/').slice(0, 2).join('/')}`] as [string, string],
    ),
  ]
  const startOldPostfix = () => startPostfix({ port: ports.old, hostname: 'mx.old.example', mainCf: oldConfiguration })
  const world: MailWorld = {
    ...{ ferry, dovecot, newPostfix, oldPostfix: await startOldPostfix() },
    async startOldPostfix() {
      world.oldPostfix = await startOldPostfix()
    },
    signIn: (user, password) => signIn(dovecot.port, user, password),
    async send(mark, recipients, port = ports.new) {
      await using smtp = await Smtp.open(port)
      return await smtp.send(recipients, `${messageId()}Subject: ${mark}\r\n\r\nhello`)
    },
    mailboxesWith: (mark) => marked(new RegExp(`^Subject: (${mark})\\r?$`, 'm')).map(([, mailbox]) => mailbox),
    marked,
    async isQuiet() {
      const deadline = Date.now() + HANG_MS
      // The new one once more: a message may have come back in between.
      while ([newPostfix, world.oldPostfix, newPostfix].some((postfix) => postfix.queued() > 0)) {
        if (Date.now() > deadline) throw new Error(`something stays in a queue: ${newPostfix.log()}`)
        for (const postfix of [newPostfix, world.oldPostfix]) postfix.flush()
        await pause(300)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const one of [newPostfix, world.oldPostfix, dovecot, ferry]) await one[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}

/** The very lines that an administrator installs, only in other places. */
function newServer(dovecot: Dovecot, socketmapPort: number): string {
  let text = ['postferry-maps.cf', 'postferry-delivery.cf']
    .map((name) => readFileSync(join(SHIPPED, name), 'utf8'))
    .join('')
  for (const [shipped, here] of [
    ['socketmap:unix:postferry/socketmap.sock', `socketmap:inet:127.0.0.1:${socketmapPort}`],
    ['lmtp:unix:private/dovecot-lmtp', `lmtp:unix:${dovecot.folder}/run/lmtp`],
  ] as const) {
    if (!text.includes(shipped)) throw new Error(`deploy/postfix does not contain ${shipped}`)
    text = text.replaceAll(shipped, () => here)
  }
  return `${text}
address_verify_poll_delay = 1s
recipient_delimiter = +
${ELSEWHERE}
`
}

/** Delivers to its own people's mailboxes, and hands the mail of the others over. */
async function oldServer(folder: string, old: Source, { people, handedBack = [] }: MailSettings, newPort: number) {
  const { server: tls } = await certificates()
  const map = join(folder, 'old-people')
  const paths = Object.keys(people).map((person) => `${person} ${relative(old.mailRoot, old.home(person))}/mail/`)
  writeFileSync(map, `${paths.join('\n')}\n`)
  const moved = handedBack.map((person) => `, { ${person}=smtp:[127.0.0.1]:${newPort} }`).join('')
  return `
virtual_mailbox_domains = old.example renamed.example
virtual_mailbox_maps = texthash:${map}
virtual_mailbox_base = ${old.mailRoot}
virtual_minimum_uid = 1
recipient_delimiter = +
virtual_uid_maps = static:${old.mailOwner.uid}
virtual_gid_maps = static:${old.mailOwner.gid}
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${tls.cert}
smtpd_tls_key_file = ${tls.key}
smtp_host_lookup = native
transport_maps = inline:{ { else.example=discard: }${moved} }`
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
