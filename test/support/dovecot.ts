import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificate, certificates } from './certificates.ts'
import { DovecotProcess } from './dovecot-process.ts'
import { type Users, users } from './dovecot-users.ts'
import { freePort } from './loopback.ts'

/** A running Dovecot. Its own mail processes are `mailOwner`: only that user (or root) may write below `mailRoot`. */
export interface Dovecot extends AsyncDisposable {
  host: 'localhost'
  /** IMAP in the clear with STARTTLS. */
  port: number
  /** IMAP with implicit TLS. */
  tlsPort: number
  /** The CA file that signed its certificate. */
  ca: string
  /** SHA-256 of its certificate: upper-case hex, with colons. */
  fingerprint: string
  mailRoot: string
  mailOwner: { uid: number; gid: number }
  /** Everything that is its own; removed with it. `run/` holds its sockets. */
  folder: string
  configurationFile: string
  /** The log so far, debug lines too. */
  log(): string
  stop(): Promise<void>
  /** Again after `stop`, on the same ports with the same mail. */
  start(): Promise<void>
}

export interface DovecotSettings {
  /** Shows in the folder's name and in the greeting. */
  name: string
  /** Called once before the first start; the text goes after the rig's own settings and may overrule them. */
  configuration: (place: Place) => string | Promise<string>
  tls?: Certificate
  /** Made when it is not there, not removed; its own `mail/` otherwise. */
  mailRoot?: string
}

/** What a configuration needs to know about where it will run. */
export interface Place {
  folder: string
  mailRoot: string
  users: Users
}

/** Starts a complete Dovecot out of a folder of its own. @throws with Dovecot's own words when it does not start */
export async function startDovecot(settings: DovecotSettings): Promise<Dovecot> {
  const folder = await mkdtemp(join(tmpdir(), `postferry-${settings.name}-`))
  try {
    return await startIn(folder, settings)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(folder: string, settings: DovecotSettings): Promise<Dovecot> {
  const place: Place = { folder, mailRoot: settings.mailRoot ?? join(folder, 'mail'), users: await users() }
  await chmod(folder, 0o711)
  await mkdir(place.mailRoot, { recursive: true })
  await chown(place.mailRoot, place.users.mail.uid, place.users.mail.gid)
  const tls = settings.tls ?? (await certificates()).server
  const own = await settings.configuration(place)
  const configurationFile = join(folder, 'dovecot.conf')
  for (let tries = 1; ; tries++) {
    const ports = { port: await freePort(), tlsPort: await freePort() }
    await writeFile(configurationFile, `${rigConfiguration(settings.name, place, tls, ports)}\n${own}\n`)
    const server = new DovecotProcess(folder, ports.port)
    try {
      await server.start()
      return describe(server, place, tls, ports, configurationFile)
    } catch (error) {
      await server.kill()
      if (tries === 5 || !String(error).includes('Address already in use')) throw error
    }
  }
}

function describe(
  server: DovecotProcess,
  { folder, mailRoot, users }: Place,
  tls: Certificate,
  ports: { port: number; tlsPort: number },
  configurationFile: string,
): Dovecot {
  return {
    ...{ host: 'localhost', ...ports, ca: tls.ca, fingerprint: tls.fingerprint },
    ...{ folder, configurationFile, mailRoot, mailOwner: users.mail },
    log: () => server.log(),
    start: () => server.start(),
    stop: () => server.stop(),
    [Symbol.asyncDispose]: async () => {
      await server.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}

function rigConfiguration(
  name: string,
  { folder, users }: Place,
  tls: Certificate,
  { port, tlsPort }: { port: number; tlsPort: number },
): string {
  return `
base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/dovecot.log
instance_name = postferry-${name}
login_greeting = ${name} ready.
listen = 127.0.0.1
protocols = imap
${users.settings}
auth_debug = yes
auth_verbose = yes
auth_failure_delay = 0
disable_plaintext_auth = no
ssl = yes
ssl_cert = <${tls.cert}
ssl_key = <${tls.key}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}`
}
