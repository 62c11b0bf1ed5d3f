import type { KeptFree } from '../../model/kept-free.ts'
import type { CopyOrder } from '../../model/migration.ts'
import type { Provider } from '../../model/provider.ts'
import { USUAL_FOLDERS } from '../../model/usual-folders.ts'
import { accountOf } from './names.ts'

export interface OfflineImapSettings {
  /** Absolute path of python/postferry.py. */
  readonly pythonFile: string
  /** Absolute path of the folder where OfflineIMAP remembers what it has copied; its parent must exist. */
  readonly metadata: string
  /** Whence the credentials come: the path of `bin/postferry`, or the pipe on which whoever starts the run sends them. */
  readonly credentials: string | number
  /** What is left free on the file systems of the homes and of these folders. Missing: nothing. */
  readonly keptFree?: KeptFree & { readonly folders: readonly string[] }
  /** After so many seconds without a word from the source the account fails. */
  readonly timeout?: number
}

type Sequence<T> = Iterable<T> | AsyncIterable<T>

/** The migrations to copy, in one order: their numbers, and what each one needs. */
export interface Work {
  readonly ids: Sequence<CopyOrder['id']>
  readonly orders: Sequence<CopyOrder>
}

/**
 * The offlineimaprc as chunks of text: the same work gives the same text. Nothing in it is secret; accounts are called
 * by their number alone.
 * @throws RangeError for a value that no offlineimaprc can carry
 */
export async function* offlineimaprc(
  { ids, orders }: Work,
  settings: OfflineImapSettings,
): AsyncGenerator<string, void, undefined> {
  yield general(settings)
  let accounts = 0
  for await (const id of ids) yield `${accounts++ === 0 ? 'accounts = ' : ','}${accountOf(id)}`
  yield accounts === 0 ? NO_ACCOUNT : '\n'
  for await (const order of orders) yield account(order)
}

// OfflineIMAP takes an empty list for an error. The pythonfile reads `all` as all accounts of the file: none.
const NO_ACCOUNT = lines('accounts = all', '', '[Account all]')

function general({ pythonFile, metadata, credentials, keptFree, timeout = 60 }: OfflineImapSettings): string {
  // OfflineIMAP puts variables in, until the pythonfile stops it.
  if (pythonFile.includes('$')) throw refused('pythonFile', pythonFile)
  return lines(
    '# Made by emit-offlineimaprc; changes are lost.',
    '[general]',
    'ui = basic',
    `metadata = ${path('metadata', metadata)}`,
    `pythonfile = ${path('pythonFile', pythonFile)}`,
    `socktimeout = ${whole('timeout', timeout, 1, 86_400)}`,
    `postferry_usual = ${data(USUAL_FOLDERS)}`,
    typeof credentials === 'string'
      ? `postferry_command = ${data(credentials)}`
      : `postferry_starter = ${whole('credentials', credentials, 3, 1000)}`,
    ...(keptFree === undefined ? [] : [`postferry_keep_free = ${data(keptFree)}`]),
  )
}

function account({ id, home, provider }: CopyOrder): string {
  const name = accountOf(id)
  return lines(
    '',
    `[Account ${name}]`,
    `localrepository = ${name}-new`,
    `remoterepository = ${name}-old`,
    '',
    `[Repository ${name}-new]`,
    'type = Maildir',
    `localfolders = ${data(`${home}/Maildir`)}`,
    '',
    `[Repository ${name}-old]`,
    'type = IMAP',
    ...server(provider),
    `remoteusereval = get_user("${name}")`,
    `remotepasseval = get_password("${name}")`,
    // The source is only read, and what the source loses stays on the destination.
    'readonly = yes',
    'sync_deletes = no',
    `folderfilter = folder_filter("${name}")`,
    `nametrans = folder_name("${name}")`,
    `postferry_include = ${data(provider.include)}`,
    `postferry_exclude = ${data(provider.exclude)}`,
  )
}

function server(provider: Provider): string[] {
  const { tls } = provider
  return [
    `remotehost = ${host(provider)}`,
    `remoteport = ${whole('port', provider.port, 1, 65_535)}`,
    // Whoever starts a run counts it as one.
    'maxconnections = 1',
    `ssl = ${tls === 'implicit' ? 'yes' : 'no'}`,
    `starttls = ${tls === 'starttls' ? 'yes' : 'no'}`,
    // The pythonfile reads it; it decides on no certificate.
    ...(tls === 'none' ? [] : [trust(provider), `ssl_version = ${SSL_VERSIONS[provider.tlsMin]}`]),
  ]
}

const SSL_VERSIONS = { '1.0': 'tls1', '1.1': 'tls1_1', '1.2': 'tls1_2', '1.3': 'tls1_3' } as const

function trust({ fingerprint, caFile }: Provider): string {
  if (fingerprint === null) return `sslcacertfile = ${caFile === null ? 'OS-DEFAULT' : path('caFile', caFile)}`
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) throw refused('fingerprint', fingerprint)
  return `cert_fingerprint = ${fingerprint}`
}

function host({ host }: Provider): string {
  if (!/^[A-Za-z0-9._:-]+$/.test(host)) throw refused('host', host)
  return host
}

function whole(name: string, value: number, least: number, most: number): string {
  if (!Number.isInteger(value) || value < least || value > most) throw refused(name, value)
  return String(value)
}

/** For options of OfflineIMAP's own, which are taken as they stand, between blanks that do not count. */
function path(name: string, value: string): string {
  if (!value.startsWith('/') || value.trim() !== value || /\p{Cc}/u.test(value)) throw refused(name, value)
  return percents(value)
}

/** For options that the pythonfile reads: JSON in ASCII, safe for any value. */
function data(value: unknown): string {
  const ascii = JSON.stringify(value).replace(/[^ -~]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return percents(ascii)
}

/** `%` starts an interpolation in Python's ConfigParser. */
function percents(text: string): string {
  return text.replaceAll('%', '%%')
}

function refused(name: string, value: unknown): RangeError {
  return new RangeError(`${name} cannot stand in an offlineimaprc: ${JSON.stringify(value)}`)
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`
}
