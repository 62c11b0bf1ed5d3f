import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { cleanEnv, makeExactValidator } from 'envalid'
import { likeliest } from './model/closest-word.ts'
import { isLoopback } from './model/network.ts'
import * as kinds from './setting-kinds.ts'

/** A setting is wrong: the message is one line that names it. */
export class SettingsError extends Error {}

/** A row of the table of settings. */
interface Setting<T> {
  readonly name: string
  readonly kind: kinds.Kind<T>
  /** As an administrator would write it, DATA_DIR at its beginning; empty: nothing is set. */
  readonly default: string
  /** For the sample file. */
  readonly doc: string
  /** May be given as `…_FILE`, a file that holds it. */
  readonly mayBeFile: boolean
}

/** What stands for the data directory in defaults. */
const DATA_DIR = '<data directory>'

/** Every setting, grouped as the program reads them. */
const TABLE = {
  databaseUrl: setting(
    'DATABASE_URL',
    kinds.postgresUrl,
    '',
    `The PostgreSQL database, such as postgresql://postferry:secret@localhost/postferry; with TLS, and the server's
    certificate verified: postgresql://…@db.example/postferry?sslmode=verify-full&sslrootcert=/etc/postferry/db-ca.pem.
    prefer, require and verify-ca verify as much as verify-full does; no-verify encrypts, and verifies nothing. A parameter
    that is not known is refused. Not set: postferry brings a PostgreSQL and runs it in the data directory.`,
    'may be a file',
  ),
  dataDir: setting(
    'POSTFERRY_DATA_DIR',
    kinds.path,
    './data',
    'Where postferry keeps what it makes: tokens, the key, the embedded database, the socket.',
  ),
  socket: setting(
    'POSTFERRY_SOCKET',
    kinds.path,
    `${DATA_DIR}/postferry.sock`,
    'The Unix socket that postferry listens on. Its file mode (0660) guards it: the auth API asks for no token there.',
  ),
  host: setting(
    'POSTFERRY_HOST',
    kinds.host,
    '127.0.0.1',
    'The address that postferry listens on with TCP. The auth API asks for the auth token there.',
  ),
  /** 0: no TCP. */
  port: setting('POSTFERRY_PORT', kinds.port, '8025', 'The TCP port. 0: no TCP.'),
  /** Whether `host` may be one that other hosts reach. */
  plainHttp: setting(
    'POSTFERRY_PLAIN_HTTP',
    kinds.yesOrNo,
    'no',
    `postferry speaks no TLS: a POSTFERRY_HOST that other hosts reach is refused. yes: passwords may travel in clear text,
    as in a network of your own between Dovecot and this host.`,
  ),
  hostNames: setting(
    'POSTFERRY_HOST_NAMES',
    kinds.hostNames,
    '',
    `What this host is called on TCP, with blanks between, such as the server_name of a proxy in front; its IP addresses,
    localhost and POSTFERRY_HOST always count. Requests for other names are refused (421), so that no web page from
    elsewhere reaches the panel by DNS rebinding. Requests with a token may use any name.`,
  ),
  socketmapSocket: setting(
    'POSTFERRY_SOCKETMAP_SOCKET',
    kinds.path,
    `${DATA_DIR}/socketmap.sock`,
    `The Unix socket on which Postfix asks who is here (socketmap, deploy/postfix). Its file mode (0660) guards it: put it
    into a folder that belongs to Postfix's group and passes it on, as /var/spool/postfix/postferry/socketmap.sock.`,
  ),
  /** 0: none. */
  socketmapPort: setting(
    'POSTFERRY_SOCKETMAP_PORT',
    kinds.port,
    '0',
    `The same on a TCP port of 127.0.0.1. Whoever reaches it learns who is here, without a token: so other hosts cannot.
    0: none.`,
  ),
  authToken: setting(
    'POSTFERRY_AUTH_TOKEN',
    kinds.token,
    '',
    `The token that Dovecot shows on TCP, 32 characters at least. Not set: made at the first start and kept in
    ${DATA_DIR}/auth-token.`,
    'may be a file',
  ),
  adminToken: setting(
    'POSTFERRY_ADMIN_TOKEN',
    kinds.token,
    '',
    `The token of the admin API (/v1/admin), on TCP and on the socket, 32 characters at least. Not set: made at the first
    start and kept in ${DATA_DIR}/admin-token.`,
    'may be a file',
  ),
  panelKey: setting(
    'POSTFERRY_PANEL_KEY',
    kinds.panelKey,
    '',
    `32 bytes in base64 or hex (openssl rand -hex 32) that encrypt the sessions of the panel and, in the database, the
    secrets of its one-time codes. Instances behind one name need the same key. A new key ends all sessions, and whoever
    signs in with one-time codes needs "postferry admin passwd NAME --no-totp". Not set: made when first needed and kept
    in ${DATA_DIR}/panel-key.`,
    'may be a file',
  ),
  recipients: setting(
    'POSTFERRY_RECIPIENTS',
    kinds.ageRecipients,
    '',
    `The age public keys (age1…) that credentials are sealed to, with blanks between. Not set: made with the identity at
    the first start and kept in ${DATA_DIR}/recipients.`,
  ),
  identityFile: setting(
    'POSTFERRY_IDENTITY_FILE',
    kinds.path,
    `${DATA_DIR}/identity`,
    `The age identity that opens credentials. Only the copying host needs it: keep it away from the host that answers
    sign-ins. Where this is set, doctor reports a file that is missing. In <this file>.endpoints beside it the copying
    host keeps which old servers may get passwords (postferry provider approve); where it cannot write there, in the data
    directory.`,
  ),
  home: setting(
    'POSTFERRY_HOME',
    kinds.home,
    '/var/vmail/%d/%n',
    `The home of an account on the new server: %d domain, %n local part, %u address. Mail is copied into Maildir/ in it. An
    account keeps the home that it got at its first sign-in.`,
  ),
  logLevel: setting(
    'POSTFERRY_LOG_LEVEL',
    kinds.logLevel,
    'info',
    `fatal, error, warn, info, debug, trace or silent. The log goes to standard error, as JSON lines; no password is ever
    in it.`,
  ),
  offlineimapMetadata: setting(
    'POSTFERRY_OFFLINEIMAP_METADATA',
    kinds.path,
    `${DATA_DIR}/offlineimap`,
    `Where both engines keep what they have copied (OfflineIMAP's local status), and verify what it has proved. Keep it,
    and take it along to a new copying host: without it, what people moved or deleted on the new server would come back; postferry sync stops then
    (state-lost).`,
  ),
  dovecotConf: setting(
    'POSTFERRY_DOVECOT_CONF',
    kinds.pathOrNone,
    '',
    `The new server's Dovecot configuration (/etc/dovecot/dovecot.conf), on the copying host, where mail does not lie as
    deploy/dovecot has it: sdbox, mdbox, compressed, or outside of the homes. doveadm copies then, and the mail is read as Dovecot shows it.
    Not set: a Maildir in each home.`,
  ),
  doveadm: {
    urls: setting(
      'POSTFERRY_DOVEADM_URLS',
      kinds.urls,
      '',
      `Where "postferry sync" ends the sessions of proxied people when they are flipped: the HTTP interface of doveadm, of each
      Dovecot that hands sessions on, with blanks between (deploy/dovecot). Not set: nobody is flipped.`,
    ),
    keyFile: setting(
      'POSTFERRY_DOVEADM_KEY_FILE',
      kinds.path,
      `${DATA_DIR}/doveadm-key`,
      `The file with their doveadm_api_key, which opens all mail: only the copying host needs it, and only "postferry sync"
      reads it.`,
    ),
  },
  /** What copying leaves free on each file system that it writes to. */
  keptFree: {
    percent: setting(
      'POSTFERRY_KEEP_FREE_PERCENT',
      kinds.percent,
      '5',
      `What copying leaves free on each file system that it writes to (homes, local status, data directory), for new mail
      and sign-ins: so much of it, or POSTFERRY_KEEP_FREE_MIB, whichever is less. 0: copying may fill it.`,
    ),
    bytes: setting('POSTFERRY_KEEP_FREE_MIB', kinds.mebibytes, '2048', 'The same in MiB.'),
  },
  /** How long one login at the source may take. */
  sourceLimitMs: setting(
    'POSTFERRY_OLD_LIMIT_SECONDS',
    kinds.seconds,
    '20',
    `How long the old server may take to answer a sign-in. A Dovecot makes everybody from one address wait up to 17 s after
    wrong passwords, and other servers answer those late, too: with a shorter limit right and wrong ones would all be
    answered "try again".`,
  ),
  answerLimitMs: setting(
    'POSTFERRY_ANSWER_LIMIT_SECONDS',
    kinds.seconds,
    '40',
    `How long postferry may take to answer a sign-in: at least 5 s more than the old server, for the queue and the
    database, and less than whoever waits for the answer: Lua and checkpassword 45 s (POSTFERRY_CLIENT_LIMIT_SECONDS in
    Dovecot's files), Dovecot's auth worker 60 s.`,
  ),
  authCacheTtlMs: setting(
    'POSTFERRY_CACHE_SECONDS',
    kinds.seconds,
    '300',
    `Auth cache, positive ttl: how long a right password is remembered, as a keyed digest in memory. It is forgotten at
    once when its account changes, whichever instance or command changes it. 0: not at all.`,
  ),
  authCacheNegativeTtlMs: setting(
    'POSTFERRY_REFUSAL_MEMORY_SECONDS',
    kinds.seconds,
    '30',
    `Auth cache, negative ttl: how long a password that was refused is refused again without asking the old server. 0: not
    at all.`,
  ),
  /** Failed logins in ten minutes; 0: no limit. */
  failureLimits: {
    person: setting(
      'POSTFERRY_LIMIT_PERSON',
      kinds.count,
      '30',
      `Failed sign-ins of a person within ten minutes, counted by all instances together, after which the old server is not
      asked any more: the answer is "try again" (throttled), or where the old server has no say, a wrong password stays
      wrong. A right password that postferry can check itself signs in all the same. 0: no limit.`,
    ),
    client: setting(
      'POSTFERRY_LIMIT_CLIENT',
      kinds.count,
      '100',
      `The same for the network of a client (of IPv6 its /64). From a network over its limit only those sign in whose
      password postferry can check itself and who have signed in from there before. 0: no limit.`,
    ),
    provider: setting('POSTFERRY_LIMIT_PROVIDER', kinds.count, '3000', 'The same for a provider. 0: no limit.'),
  },
  /** For how many days what is not kept for ever is kept. */
  keep: {
    audit: setting(
      'POSTFERRY_KEEP_AUDIT_DAYS',
      kinds.count,
      '400',
      'For how many days the audit is kept; postferry sync erases what is older. 0: for ever.',
    ),
    attempts: setting(
      'POSTFERRY_KEEP_ATTEMPTS_DAYS',
      kinds.count,
      '90',
      `For how many days attempts are kept. The last one with each outcome stays while its migration lasts. 0: for ever.`,
    ),
    steps: setting(
      'POSTFERRY_KEEP_STEPS_DAYS',
      kinds.count,
      '400',
      `For how many days the history is kept that the burn-down is drawn from. When each person was first complete, and
      their last state, stay. 0: for ever.`,
    ),
    ledgers: setting(
      'POSTFERRY_KEEP_LEDGERS_DAYS',
      kinds.count,
      '400',
      'For how many days ledgers of finished migrations name single messages. 0: for ever.',
    ),
    credentials: setting(
      'POSTFERRY_KEEP_CREDENTIALS_DAYS',
      kinds.count,
      '730',
      `For how many days the credential of a migration that is never finished is kept, counted from when it came or was
      renewed. postferry report names those people for a month before; afterwards their mail is not copied any more, until
      their next sign-in with the right password. 0: for ever.`,
    ),
  },
  proxyNetworks: setting(
    'POSTFERRY_PROXY_NETWORKS',
    kinds.networks,
    '',
    `Networks (192.0.2.0/24 2001:db8::/64) of a webmail or proxy that signs in many people from one address and does not
    pass on theirs, with blanks between. Failed sign-ins from there count against no client, so that one who guesses does
    not lock out everybody. Better: have it pass on the addresses (login_trusted_networks of the new Dovecot).`,
  ),
  recipientDelimiter: setting(
    'POSTFERRY_RECIPIENT_DELIMITER',
    kinds.delimiter,
    '',
    `What separates a sub-address from the person, as in Postfix and Dovecot: with +, anna+shop@… signs in as anna@…. One
    of + - _ = # (in a settings file "#", in quotes). Not set: anna+shop@… is a person of its own.`,
  ),
}

type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : Values<T[K]> }

/** The settings in force. */
export interface Settings extends Values<typeof TABLE> {
  /** Whether `identityFile` is set: then this host opens what is sealed. */
  readonly identityNamed: boolean
}

function setting<T>(
  name: string,
  kind: kinds.Kind<T>,
  unlessSet: string,
  doc: string,
  file?: 'may be a file',
): Setting<T> {
  return { name, kind, default: unlessSet, doc, mayBeFile: file !== undefined }
}

type Row = Setting<unknown>
type Group = { readonly [key: string]: Row | Group }

/** All rows of the table. */
export const SETTINGS: readonly Row[] = rowsOf(TABLE)

function rowsOf(group: Group): Row[] {
  return Object.values(group).flatMap((entry) => (isRow(entry) ? [entry] : rowsOf(entry)))
}

function isRow(entry: Row | Group): entry is Row {
  return typeof entry.name === 'string'
}

/** The names that a settings file may hold. */
export const SETTING_NAMES: ReadonlySet<string> = new Set(
  SETTINGS.flatMap(({ name, mayBeFile }) => (mayBeFile ? [name, `${name}_FILE`] : [name])),
)

/** What else our programs read, in an environment alone: where the settings are, and what Dovecot's files say. */
const ENVIRONMENT_NAMES = ['POSTFERRY_SETTINGS_FILE', 'POSTFERRY_URL', 'POSTFERRY_CLIENT_LIMIT_SECONDS']

/**
 * The settings in force, from the environment and the files that it names.
 * @throws SettingsError
 */
export function loadSettings(environment: NodeJS.ProcessEnv): Settings {
  refuseUnknown(environment)
  const set = withFiles(environment)
  const dataDir = resolve(set.POSTFERRY_DATA_DIR ?? TABLE.dataDir.default)
  const defaults = SETTINGS.filter((row) => row.default !== '').map((row) => {
    return [row.name, row.default.replace(DATA_DIR, () => dataDir)]
  })
  const validators = Object.fromEntries(
    SETTINGS.map(({ name, kind }) => [name, makeExactValidator(kind.read)({ default: kind.unset as undefined })]),
  )
  const values = cleanEnv({ ...Object.fromEntries(defaults), ...set }, validators, { reporter: refuseWrong })
  const settings = {
    ...(inGroups(TABLE, values) as Values<typeof TABLE>),
    identityNamed: set.POSTFERRY_IDENTITY_FILE !== undefined,
  }
  refuseOpenHost(settings)
  refuseLimits(settings)
  return settings
}

function inGroups(group: Group, values: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(group).map(([key, entry]) => {
    return [key, isRow(entry) ? values[entry.name] : inGroups(entry, values)]
  })
  return Object.fromEntries(entries)
}

/** postferry speaks no TLS of its own. */
function refuseOpenHost({ host, port, plainHttp }: Settings): void {
  if (port === 0 || plainHttp || isLoopback(host)) return
  const proxied = 'keep 127.0.0.1 with a proxy with TLS in front (deploy/nginx)'
  const reason = `is open to other hosts, and passwords would travel there in the clear`
  throw new SettingsError(`POSTFERRY_HOST=${host} ${reason}: ${proxied}, or allow it with POSTFERRY_PLAIN_HTTP=yes`)
}

/** Besides the login at the source, the answer needs time for the queue before it and the database after it. */
const BESIDES_SOURCE_SECONDS = 5
/** Dovecot's Lua and checkpassword wait 50 s at most (POSTFERRY_CLIENT_LIMIT_SECONDS): they must hear the answer. */
const MOST_ANSWER_SECONDS = 49

function refuseLimits({ sourceLimitMs, answerLimitMs }: Settings): void {
  const [sourceLimit, answerLimit] = [sourceLimitMs / 1_000, answerLimitMs / 1_000]
  if (sourceLimit < 1) throw new SettingsError('POSTFERRY_OLD_LIMIT_SECONDS must be at least 1')
  if (answerLimit < sourceLimit + BESIDES_SOURCE_SECONDS) {
    const least = `POSTFERRY_OLD_LIMIT_SECONDS and ${BESIDES_SOURCE_SECONDS} (${sourceLimit + BESIDES_SOURCE_SECONDS})`
    throw new SettingsError(`POSTFERRY_ANSWER_LIMIT_SECONDS must be at least ${least}`)
  }
  if (answerLimit > MOST_ANSWER_SECONDS)
    throw new SettingsError(`POSTFERRY_ANSWER_LIMIT_SECONDS must be at most ${MOST_ANSWER_SECONDS}`)
}

function refuseUnknown(environment: NodeJS.ProcessEnv): void {
  const known = new Set([...SETTING_NAMES, ...ENVIRONMENT_NAMES])
  const unknown = Object.keys(environment).filter((name) => name.startsWith('POSTFERRY_') && !known.has(name))
  if (unknown.length > 0) throw new SettingsError(unknown.map((name) => unknownName(name, known)).join('; '))
}

/** What to say of a name that is none of those known. */
export function unknownName(name: string, known: Iterable<string> = SETTING_NAMES): string {
  const meant = likeliest(name, known)
  return `there is no setting ${name}${meant === null ? '' : `: is ${meant} meant?`}`
}

/** What is set, with what stands in the files that are named (`…_FILE`); an empty setting counts as not set. */
function withFiles(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  for (const { name } of SETTINGS.filter(({ mayBeFile }) => mayBeFile)) {
    const file = set[`${name}_FILE`]
    if (file === undefined) continue
    if (set[name] !== undefined) throw new SettingsError(`${name} and ${name}_FILE are both set: keep one`)
    try {
      set[name] = readFileSync(file, 'utf8').trim()
    } catch (error) {
      throw new SettingsError(`${name}_FILE: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`)
    }
  }
  return set
}

// The values are not repeated: some are secret.
function refuseWrong({ errors }: { errors: Record<string, Error | undefined> }): void {
  const wrong = Object.entries(errors).map(([name, error]) => `${name} ${error?.message}`)
  if (wrong.length > 0) throw new SettingsError(wrong.join('; '))
}

/** Of a system-wide installation. */
const INSTALLED = '/etc/postferry/postferry.env'

/** The name of the settings file, whether it is there or not; empty: none is read. */
export function settingsFile({ POSTFERRY_SETTINGS_FILE: named }: NodeJS.ProcessEnv = process.env): string {
  return named ?? INSTALLED
}

const SECRET_LINE = new RegExp(
  `^(.?\\s*(?:${SETTINGS.filter(({ kind }) => kind.isSecret)
    .map(({ name }) => name)
    .join('|')})\\s*=).+$`,
  'gm',
)

/** Lines of a settings file, as they are or as `diff` prints them, for everybody's eyes. */
export function withoutSecrets(lines: string): string {
  return lines.replace(SECRET_LINE, '$1 (not shown)')
}

/** The settings in force by their names; of a secret only whether it is set. */
export function redacted(settings: Settings): Record<string, string | number> {
  return Object.fromEntries(shown(TABLE, { ...settings }))
}

function shown(group: Group, values: Readonly<Record<string, unknown>>): [string, string | number][] {
  return Object.entries(group).flatMap(([key, entry]) => {
    if (isRow(entry)) return [[entry.name, entry.kind.show(values[key])]]
    return shown(entry, values[key] as Readonly<Record<string, unknown>>)
  })
}
