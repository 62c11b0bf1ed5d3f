import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { certificates } from './certificates.ts'
import type { Debian } from './debian.ts'
import { startNew } from './destination.ts'
import type { Dovecot } from './dovecot.ts'
import { type Ferry, mustRun, startFerryTo } from './ferry.ts'
import { freePort } from './loopback.ts'
import { messageId } from './message-id.ts'
import { type Postfix, startPostfix } from './postfix.ts'
import { signIn } from './sign-in.ts'
import { Smtp } from './smtp.ts'
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
  /** More of the new Dovecot's configuration. */
  readonly new?: string
}

/** How a Postfix brings mail into the mailboxes of an old server: into Maildirs, or to a socket of its LMTP. */
export type Delivery =
  | {
      readonly base: string
      readonly owner: { readonly uid: number; readonly gid: number }
      /** Below the base. */
      maildir(person: string): string
    }
  | { readonly lmtp: string }

/** An old IMAP server, and what its Postfix and a provider need to know of it. */
export interface OldSide<Old extends AsyncDisposable> {
  readonly server: Old
  /** As `provider add` is told. */
  readonly where: readonly string[]
  readonly delivery: Delivery
}

/** An old mail server and a new one, with a Postfix each, and postferry between them. */
export interface MailServers<Old> extends AsyncDisposable {
  readonly ferry: Ferry<Old>
  readonly dovecot: Dovecot
  readonly newPostfix: Postfix
  /** May be disposed of, and started again by `startOldPostfix`. */
  oldPostfix: Postfix
  startOldPostfix(): Promise<void>
  /** Signs in at the new server. @returns what the mail program sees */
  signIn(user: string, password: string): Promise<string>
  /** Brings a message to the new server's MX, or to the old one's; the subject is the mark. */
  send(mark: string, recipients: readonly string[], port?: number): Promise<string[]>
  /** Resolves when nothing waits on its way any more. */
  isQuiet(): Promise<void>
}

/** Takes the old server over. */
export async function startMailServers<Old extends AsyncDisposable>(
  { server: old, where, delivery }: OldSide<Old>,
  settings: MailSettings,
): Promise<MailServers<Old>> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-mail-'))
  chmodSync(folder, 0o755)
  const homeRoot = join(folder, 'homes')
  const ports = { old: await freePort(), new: await freePort(), socketmap: await freePort() }
  const proxy = settings.isProxied ? { port: await freePort(), key: 'the key of doveadm' } : undefined
  const keyFile = join(folder, 'doveadm-key')
  if (proxy) writeFileSync(keyFile, `${proxy.key}\n`)
  const ferry = await startFerryTo(old, where, {
    ...(proxy && {
      POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${proxy.port}`,
      POSTFERRY_DOVEADM_KEY_FILE: keyFile,
    }),
    POSTFERRY_HOME: `${homeRoot}/%d/%n`,
    POSTFERRY_SOCKETMAP_PORT: `${ports.socketmap}`,
    POSTFERRY_RECIPIENT_DELIMITER: '+',
    ...settings.service,
  })
  const { service } = ferry
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
  const oldConfiguration = await oldServer(folder, delivery, settings, ports.new)
  const startOldPostfix = () => startPostfix({ port: ports.old, hostname: 'mx.old.example', mainCf: oldConfiguration })
  const servers: MailServers<Old> = {
    ...{ ferry, dovecot, newPostfix, oldPostfix: await startOldPostfix() },
    async startOldPostfix() {
      servers.oldPostfix = await startOldPostfix()
    },
    signIn: (user, password) => signIn(dovecot.port, user, password),
    async send(mark, recipients, port = ports.new) {
      await using smtp = await Smtp.open(port)
      return await smtp.send(recipients, `${messageId()}Subject: ${mark}\r\n\r\nhello`)
    },
    async isQuiet() {
      const deadline = Date.now() + HANG_MS
      // The new one once more: a message may have come back in between.
      while ([newPostfix, servers.oldPostfix, newPostfix].some((postfix) => postfix.queued() > 0)) {
        if (Date.now() > deadline) throw new Error(`something stays in a queue: ${newPostfix.log()}`)
        for (const postfix of [newPostfix, servers.oldPostfix]) postfix.flush()
        await pause(300)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const one of [newPostfix, servers.oldPostfix, dovecot, ferry]) await one[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return servers
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
async function oldServer(
  folder: string,
  delivery: Delivery,
  { people, handedBack = [] }: MailSettings,
  newPort: number,
): Promise<string> {
  const { server: tls } = await certificates()
  const map = join(folder, 'old-people')
  const lines = Object.keys(people).map(
    (person) => `${person} ${'lmtp' in delivery ? 'here' : delivery.maildir(person)}`,
  )
  writeFileSync(map, `${lines.join('\n')}\n`)
  const moved = handedBack.map((person) => `, { ${person}=smtp:[127.0.0.1]:${newPort} }`).join('')
  return `
virtual_mailbox_domains = old.example renamed.example
virtual_mailbox_maps = texthash:${map}
${into(delivery)}
recipient_delimiter = +
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${tls.cert}
smtpd_tls_key_file = ${tls.key}
smtp_host_lookup = native
transport_maps = inline:{ { else.example=discard: }${moved} }`
}

function into(delivery: Delivery): string {
  if ('lmtp' in delivery) return `virtual_transport = lmtp:unix:${delivery.lmtp}`
  const { base, owner } = delivery
  return `virtual_mailbox_base = ${base}
virtual_minimum_uid = 1
virtual_uid_maps = static:${owner.uid}
virtual_gid_maps = static:${owner.gid}`
}
