import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificate, certificates } from './certificates.ts'
import type { Debian } from './debian.ts'
import { DovecotProcess } from './dovecot-process.ts'
import { type Ports, rigConfiguration } from './dovecot-rig.ts'
import { type Users, users } from './dovecot-users.ts'
import { freePort } from './loopback.ts'
import { type Ended, runProgram } from './service.ts'

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
  /** Runs its doveadm. */
  doveadm(...args: string[]): Promise<Ended>
  /** The log so far, debug lines too. */
  log(): string
  stop(): Promise<void>
  /** At once, with all its processes. */
  kill(): Promise<void>
  /** Again after `stop` or `kill`, on the same ports with the same mail. */
  start(): Promise<void>
}

export interface DovecotSettings {
  /** Shows in the folder's name and in the greeting. */
  name: string
  debian: Debian
  /** Called once before the first start; the text goes after the rig's own settings and may overrule them. */
  configuration: (place: Place) => string | Promise<string>
  tls?: Certificate
  /** Where it listens; loopback by default. */
  address?: string
  /** Made when it is not there, not removed; its own `mail/` otherwise. */
  mailRoot?: string
}

/** What a configuration needs to know about where it will run. */
export interface Place {
  folder: string
  mailRoot: string
  users: Users
  debian: Debian
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
  const { debian, address = '127.0.0.1' } = settings
  const mailRoot = settings.mailRoot ?? join(folder, 'mail')
  const place: Place = { folder, mailRoot, users: await users(debian), debian }
  await chmod(folder, 0o711)
  await mkdir(place.mailRoot, { recursive: true })
  await chown(place.mailRoot, place.users.mail.uid, place.users.mail.gid)
  const tls = settings.tls ?? (await certificates()).server
  const own = await settings.configuration(place)
  const configurationFile = join(folder, 'dovecot.conf')
  for (let tries = 1; ; tries++) {
    const ports = { port: await freePort(), tlsPort: await freePort() }
    await writeFile(
      configurationFile,
      `${rigConfiguration(settings.name, place, tls, { ...ports, address })}\n${own}\n`,
    )
    const server = new DovecotProcess(folder, ports.port, debian, address)
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
  { folder, mailRoot, users, debian }: Place,
  tls: Certificate,
  ports: Ports,
  configurationFile: string,
): Dovecot {
  return {
    ...{ host: 'localhost', ...ports, ca: tls.ca, fingerprint: tls.fingerprint },
    ...{ folder, configurationFile, mailRoot, mailOwner: users.mail },
    doveadm: (...args) => {
      const [program = '', ...rest] = [...debian.enter, 'doveadm', '-c', configurationFile, ...args]
      return runProgram(program, rest, { PATH: process.env.PATH })
    },
    log: () => server.log(),
    start: () => server.start(),
    stop: () => server.stop(),
    kill: () => server.kill(),
    [Symbol.asyncDispose]: async () => {
      await server.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}
