import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import {
  type CopyWindow,
  type Cutover,
  type LoginName,
  type Provider,
  type TlsMode,
  usualProvider,
} from '../../model/provider.ts'
import { connections, copyWindow, fingerprint, patterns, port } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'

/** What `provider add` and `provider set` were given; false takes a value away. */
export interface ProviderOptions {
  readonly host?: string
  readonly port?: number
  readonly tls?: TlsMode
  readonly caFile?: string | false
  readonly fingerprint?: string | false
  readonly maxConnections?: number
  readonly loginName?: LoginName
  readonly cutover?: Cutover
  readonly forwardClient?: boolean
  readonly forgetRefusal?: true
  readonly reopens?: boolean
  readonly window?: CopyWindow | false
  readonly include?: readonly string[] | false
  readonly exclude?: readonly string[] | false
  readonly json?: boolean
}

const PEM_LIMIT = 4 * 1024 * 1024
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export function withProviderOptions(command: Command): Command {
  return command
    .option('--port <port>', 'TCP port (usual: 993 with implicit TLS, else 143)', port)
    .addOption(new Option('--tls <mode>', 'how the connection is protected').choices(['implicit', 'starttls', 'none']))
    .option('--ca-file <file>', "PEM file with the certificates to trust instead of the system's")
    .option(
      '--fingerprint <sha256>',
      'SHA-256 of the one certificate to trust, whatever its names and dates',
      fingerprint,
    )
    .option('--max-connections <number>', 'connections to open at the same time at most', connections)
    .addOption(
      new Option('--login-name <form>', 'what it is asked with: the whole address, or its local part').choices([
        '%u',
        '%n',
      ]),
    )
    .addOption(
      new Option('--cutover <way>', 'when people move: at once, or when their copy is complete').choices([
        'immediate',
        'proxied',
      ]),
    )
    .option('--window <hours>', 'copy mail only then, as 20:00-06:00 or "20:00-06:00 Europe/Berlin"', copyWindow)
    .option('--reopens', 'let the next sign-in of a person whose migration is finished open it again')
    .option(
      '--forward-client',
      "tell it the address of the person's client (IMAP ID x-originating-ip): it has to trust us, as a Dovecot does by login_trusted_networks",
    )
    .option(
      '--include <pattern>',
      'mailboxes to copy, as a pattern of IMAP LIST; may be repeated (usual: all)',
      patterns,
    )
    .option('--exclude <pattern>', 'mailboxes to leave out; may be repeated', patterns)
}

export function newProvider(name: string, host: string, options: ProviderOptions): Provider {
  return changedProvider(usualProvider(name, host, options.tls), options)
}

/** The provider with what was given, and everything else as it is. */
export function changedProvider(provider: Provider, options: ProviderOptions): Provider {
  const { json: _, caFile, fingerprint, forwardClient, forgetRefusal, window, include, exclude, ...plain } = options
  const elsewhere = (plain.host ?? provider.host) !== provider.host || (plain.port ?? provider.port) !== provider.port
  return {
    ...provider,
    ...plain,
    // Another server refuses in words of its own.
    ...((elsewhere || forgetRefusal) && { refusal: null }),
    ...(window !== undefined && { window: window || null }),
    ...(forwardClient !== undefined && { forwardsClient: forwardClient }),
    ...(caFile !== undefined && { caFile: caFile === false ? null : readableCa(caFile) }),
    ...(fingerprint !== undefined && { fingerprint: fingerprint || null }),
    ...(include !== undefined && { include: include || [] }),
    ...(exclude !== undefined && { exclude: exclude || [] }),
  }
}

/** The absolute path of a PEM file that can be used. @throws Failure */
function readableCa(path: string): string {
  const file = resolve(path)
  const refuse = (why: string) => new Failure(EXIT.data, `--ca-file ${file}: ${why}`)
  try {
    const { size, isFile } = statOf(file)
    if (!isFile) throw refuse('it is not a file')
    if (size > PEM_LIMIT) throw refuse('it is too large for certificates')
    const certificates = readFileSync(file, 'latin1').match(PEM)
    if (certificates === null) throw refuse('there is no PEM certificate in it')
    for (const certificate of certificates) new X509Certificate(certificate)
    return file
  } catch (error) {
    if (error instanceof Failure) throw error
    const { syscall, code } = error as NodeJS.ErrnoException
    throw refuse(syscall === undefined ? 'a certificate in it is damaged' : `it cannot be read (${code})`)
  }
}

function statOf(file: string): { size: number; isFile: boolean } {
  const stat = statSync(file)
  return { size: stat.size, isFile: stat.isFile() }
}
