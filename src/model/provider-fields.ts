import { type JsonSchema, Type } from './json-schema.ts'
import { MASTER_LOGINS } from './master.ts'
import {
  AFTER_REFUSALS,
  type CopyWindow,
  CUTOVERS,
  ENGINE_CHOICES,
  FILTER_CHOICES,
  FLIPS,
  LOGIN_NAMES,
  MX_TLS,
  POP3_UIDLS,
  TLS_MODES,
  TLS_VERSIONS,
  type TlsMode,
  windowText,
} from './provider.ts'
import * as values from './provider-values.ts'
import { ROLE_CHOICES } from './roles.ts'
import { oneOf } from './texts.ts'

/** Something that can be set of a provider. Commands, API, panel and database take it from here. */
export interface ProviderField<T> {
  /** In JSON and in forms; with hyphens, the option of commands. */
  readonly name: string
  /** Reads what somebody types; of a list, one entry. @throws Refused */
  read(text: string): unknown
  /** Of its JSON, when it is not null; of a list, one entry's. */
  readonly schema: JsonSchema
  /** Its JSON, where that is not the value itself. */
  json?(value: T): unknown
  /** Missing: it is required. */
  default?(tls: TlsMode): T
  /** The default in words. */
  readonly fallback?: string
  /** What is chosen for a new provider when nobody says it, where that is not the default of each. */
  readonly chosen?: string
  /** May be null in JSON, and an option `--no-…`, which does this, is how to have the default back. */
  readonly takeAway?: string
  readonly isMany?: boolean
  /** It is the path of a file. */
  readonly isFile?: boolean
  /** Where it is in the table `provider`; missing: in a column of its name. */
  readonly columns?: readonly string[]
  toColumns?(value: T): readonly unknown[]
  fromColumns?(...values: unknown[]): T
  /** What it does, in a few words: for help and OpenAPI, and below it in the panel. */
  readonly about: string
  /** What the option of commands calls its value. */
  readonly placeholder?: string
  /** Above it in the panel. */
  readonly title: string
  /** In which part of the panel's form it is. */
  readonly part: 'address' | 'trust' | 'load' | 'mail' | 'copying'
  /** What else the panel says of it. */
  readonly hint?: string
  readonly example?: string
  /** What the words that can be chosen are called in the panel. */
  readonly titles?: Readonly<Record<string, string>>
}

const PORTS: Readonly<Record<TlsMode, number>> = { implicit: 993, starttls: 143, none: 143 }

export const PROVIDER_FIELDS = {
  host: field<string>({
    ...{ name: 'host', title: 'Host', part: 'address' },
    ...{ about: 'DNS name or IP address', hint: 'Without scheme and port.', example: 'imap.old.example' },
    ...{ schema: Type.String(), read: values.host },
  }),
  tls: field({
    ...{ name: 'tls', title: 'Protection', part: 'address', placeholder: 'mode' },
    about: 'how the connection is protected; starttls never falls back to plain text',
    titles: { implicit: 'TLS from the start', starttls: 'STARTTLS', none: 'none: passwords travel in the clear' },
    ...choice(TLS_MODES, 'implicit'),
  }),
  port: field({
    ...{ name: 'port', title: 'Port', part: 'address', about: 'TCP port' },
    ...{ schema: Type.Integer(), read: values.port, default: (tls) => PORTS[tls] },
    ...{ fallback: '993 with implicit TLS, else 143', takeAway: 'use the default port again' },
  }),
  /** `%u`: the full old address, `%n`: its local part. */
  loginName: field({
    ...{ name: 'login_name', title: 'Login format', part: 'address', placeholder: 'form' },
    about: 'what people log in there with: the whole address (%u) or its local part (%n)',
    titles: { '%u': 'the whole address (%u)', '%n': 'the local part (%n)' },
    ...choice(LOGIN_NAMES, '%u'),
  }),
  /** Absolute path of a PEM file. */
  caFile: field<string | null>({
    ...{ name: 'ca_file', title: 'CA file', part: 'trust', isFile: true },
    about: "PEM file on postferry's host with the certificates to trust instead of the system's",
    ...{ schema: Type.String(), read: values.absolutePath, default: () => null },
    ...{ fallback: "the system's certificates", takeAway: "trust the system's certificates again" },
  }),
  /** 64 lower-case hex digits. When set, it alone decides. */
  fingerprint: field<string | null>({
    ...{ name: 'fingerprint', title: 'Fingerprint', part: 'trust', placeholder: 'sha256' },
    about: 'SHA-256 of the one certificate to trust, whatever its names and dates',
    hint: 'The connection test shows it.',
    ...{ schema: Type.String(), read: values.fingerprint, default: () => null },
    ...{ fallback: 'any valid certificate', takeAway: 'trust any valid certificate again' },
  }),
  tlsMin: field({
    ...{ name: 'tls_min', title: 'Oldest TLS', part: 'trust', placeholder: 'version' },
    about: 'oldest version of TLS to speak with it; 1.0 and 1.1 can be broken: only for a server that knows no other',
    titles: { '1.0': '1.0: can be broken', '1.1': '1.1: can be broken', '1.2': '1.2', '1.3': '1.3' },
    ...choice(TLS_VERSIONS, '1.2'),
  }),
  /** For sign-ins and copying, from all hosts together. */
  maxConnections: field({
    ...{ name: 'max_connections', title: 'Connections at a time', part: 'load', placeholder: 'number' },
    about: 'most connections at a time, for sign-ins and copying, from all hosts together',
    ...{ schema: Type.Integer(), read: values.connections, default: () => 20 },
    ...{ fallback: '20', takeAway: 'allow the default number of connections again' },
  }),
  /** Null: as many as are not kept for sign-ins. */
  copyConnections: field<number | null>({
    ...{ name: 'copy_connections', title: 'Of these for copying', part: 'load', placeholder: 'number' },
    about: 'most of these connections that copying may use',
    ...{ schema: Type.Integer(), read: values.connections, default: () => null },
    fallback: 'three quarters, which is also the most',
    takeAway: 'let copying use three quarters of the connections again',
  }),
  /** Of each person's mail, within a day of UTC; null: as many as there are. */
  dailyBytes: field<number | null>({
    ...{ name: 'daily_bytes', title: 'Bytes a day for each person', part: 'load', placeholder: 'size' },
    about:
      "most bytes of a person's mail that copying may read there within a day (UTC), as 2500M: Gmail allows no more",
    hint: 'What is left goes on the next day.',
    ...{ schema: Type.Integer(), read: values.size, default: () => null, example: '2500M' },
    fromColumns: (bytes) => (bytes === null ? null : Number(bytes)),
    ...{ fallback: 'as many as there are', takeAway: 'read as many bytes a day as there are again' },
  }),
  /** IMAP ID `x-originating-ip`; the source has to trust us. */
  forwardsClient: field({
    ...{ name: 'forward_client', title: "Send the client's address", part: 'load', columns: ['forwards_client'] },
    about:
      "send the address of the person's client (IMAP ID x-originating-ip); the old server has to trust this host, as a Dovecot does with login_trusted_networks",
    ...tick("do not send the client's address any more"),
  }),
  afterRefusal: field({
    ...{ name: 'after_refusal', title: 'When it refuses a stored password', part: 'load', placeholder: 'what' },
    about: 'what to do when it refuses a stored password that is right here',
    titles: { admit: 'let the person in, and show the migration as failed', refuse: 'refuse the person, too' },
    ...choice(AFTER_REFUSALS, 'admit'),
  }),
  /** Null: only who has an account is delivered to. */
  mx: field<string | null>({
    ...{ name: 'mx', title: 'Mail server (MX)', part: 'mail', placeholder: 'host' },
    about: 'host that takes the mail of people who have not signed in here yet: the old MX, as DNS name or IP address',
    ...{ hint: 'Without it, mail for them waits in the queue of this mail server.', example: 'mx.old.example' },
    ...{ schema: Type.String(), read: values.host, default: () => null },
    ...{ fallback: 'none: mail for them waits', takeAway: 'hand no mail to the old server any more' },
  }),
  mxPort: field({
    ...{ name: 'mx_port', title: 'Its port', part: 'mail', about: 'TCP port of the MX', placeholder: 'port' },
    ...{ schema: Type.Integer(), read: values.port, default: () => 25 },
    ...{ fallback: '25', takeAway: 'use port 25 again' },
  }),
  mxTls: field({
    ...{ name: 'mx_tls', title: 'How the mail travels', part: 'mail', placeholder: 'mode' },
    about:
      'how mail travels to the MX: verified (STARTTLS, and only to the server whose certificate is for that host), ' +
      'encrypted (STARTTLS with any certificate: nobody can listen, but another server could pretend to be it), none (everybody ' +
      'on the way can read it)',
    titles: {
      verified: 'encrypted, to the server that has the certificate',
      encrypted: 'encrypted, whoever it is',
      none: 'none: in the clear',
    },
    ...choice(MX_TLS, 'verified'),
  }),
  /** Null: it has none. Its password is nowhere but in the sealed credentials of people. */
  masterName: field<string | null>({
    ...{ name: 'master_name', title: 'Master user', part: 'copying', placeholder: 'name' },
    about: 'user who may sign in there for everybody: mail is copied with it before people come (provider use-master)',
    ...{ schema: Type.String(), read: values.masterName, default: () => null },
    ...{ fallback: 'none', takeAway: 'use no master user any more' },
  }),
  masterLogin: field({
    ...{ name: 'master_login', title: 'How the master user signs in', part: 'copying', placeholder: 'form' },
    about:
      "as one name (Dovecot's user*master, others' user%master), or as itself for a person (authzid of SASL PLAIN: Cyrus)",
    titles: {
      'user*master': 'as user*master (Dovecot)',
      'user%master': 'as user%master',
      authzid: 'as itself, for the person (SASL PLAIN: Cyrus)',
    },
    ...choice(MASTER_LOGINS, 'user*master'),
  }),
  cutover: field({
    ...{ name: 'cutover', title: 'Cutover', part: 'copying', placeholder: 'way' },
    about:
      'how people move: immediate, at their first sign-in; proxied, when their mailbox is here: until then they work on the ' +
      'old server, through the new one (copied by doveadm)',
    titles: { immediate: 'at their first sign-in', proxied: 'when all of their mail is here' },
    ...choice(CUTOVERS, 'immediate'),
    chosen: 'proxied where all that it needs is there, else immediate',
  }),
  flip: field({
    ...{ name: 'flip', title: 'Flip', part: 'copying', placeholder: 'when' },
    about:
      'when proxied people move: auto, as soon as their mailbox is here and proved; window, the same in the copying hours ' +
      'alone, whoever copies somebody outside of them; manual, when an administrator says so (postferry migration flip)',
    titles: {
      ...{ auto: 'as soon as they are ready', window: 'as soon as they are ready, in the copying hours alone' },
      manual: 'when an administrator says so',
    },
    ...choice(FLIPS, 'auto'),
  }),
  isGone: field({
    ...{ name: 'gone', title: 'It will not come back', part: 'copying', columns: ['is_gone'] },
    about:
      'the old server is gone for good: proxied people are flipped to their last copy, and it is asked for nothing first',
    ...tick('the old server is there: a flip asks it what is new'),
  }),
  /** Null: by the way in which it is protected. */
  pop3Port: field<number | null>({
    ...{ name: 'pop3_port', title: 'POP3 port', part: 'copying', placeholder: 'port' },
    about: 'TCP port of its POP3, for proxied people',
    ...{ schema: Type.Integer(), read: values.port, default: () => null },
    ...{ fallback: '995 with implicit TLS, else 110', takeAway: 'use the default port for POP3 again' },
  }),
  pop3Uidl: field({
    ...{ name: 'pop3_uidl', title: 'POP3 message numbers', part: 'copying', placeholder: 'form' },
    about:
      'how it numbers messages for POP3 (UIDL), which flipped people keep: dovecot, cyrus (uidvalidity.uid), or uid (the UID ' +
      'alone)',
    titles: { dovecot: 'as Dovecot', cyrus: 'as Cyrus (uidvalidity.uid)', uid: 'the UID alone' },
    ...choice(POP3_UIDLS, 'dovecot'),
  }),
  /** Null: 4190. */
  sievePort: field<number | null>({
    ...{ name: 'sieve_port', title: 'ManageSieve port', part: 'copying', placeholder: 'port' },
    about: 'TCP port of its ManageSieve, for proxied people and for filters',
    ...{ schema: Type.Integer(), read: values.port, default: () => null },
    ...{ fallback: '4190', takeAway: 'use port 4190 for ManageSieve again' },
  }),
  loginAddresses: field({
    ...{ name: 'login_addresses', title: 'Addresses of proxied sessions', part: 'copying', placeholder: 'number' },
    about: "from how many addresses the new server's Dovecot hands proxied sessions on (its login_source_ips)",
    ...{ schema: Type.Integer(), read: values.addresses, default: () => 1 },
    ...{ fallback: '1', takeAway: 'count with one address again' },
  }),
  filters: field({
    ...{ name: 'filters', title: 'Filters', part: 'copying', placeholder: 'how' },
    about:
      'what becomes of Sieve scripts: carry them, by its ManageSieve (doveadm only), or leave them on the old server',
    titles: { carry: 'carry them by ManageSieve', leave: 'leave them on the old server' },
    ...choice(FILTER_CHOICES, 'carry'),
  }),
  engine: field({
    ...{ name: 'engine', title: 'Engine', part: 'copying', placeholder: 'engine' },
    about: 'what copies mail: auto (doveadm where the copying host has it, else offlineimap), offlineimap, or doveadm',
    titles: {
      auto: 'doveadm where the copying host has it, else OfflineIMAP',
      offlineimap: 'OfflineIMAP',
      doveadm: 'doveadm',
    },
    ...choice(ENGINE_CHOICES, 'auto'),
  }),
  roles: field({
    ...{ name: 'roles', title: 'Sent, drafts, trash, junk, archive', part: 'copying', placeholder: 'how' },
    about:
      'what becomes of folders that are for sent mail, drafts, trash, junk or the archive: keep their names, or map: copy them ' +
      "into the new server's folders for that (doveadm only, and for good)",
    titles: { keep: 'keep their names', map: "go into the new server's folders for that" },
    ...choice(ROLE_CHOICES, 'keep'),
  }),
  /** Sign-ins are asked at any hour. */
  window: field<CopyWindow | null>({
    ...{ name: 'window', title: 'Copying hours', part: 'copying', placeholder: 'hours' },
    about: 'copy mail only in these hours, as 20:00-06:00 or "20:00-06:00 Europe/Berlin"',
    ...{ example: '20:00-06:00', fallback: 'any hour', takeAway: 'copy mail at any hour again' },
    ...{ schema: Type.String(), read: values.copyWindow, json: windowText, default: () => null },
    columns: ['window_from', 'window_until', 'window_zone'],
    toColumns: (window) => [window?.from ?? null, window?.until ?? null, window?.zone ?? null],
    fromColumns: (from, until, zone) => (from === null ? null : ({ from, until, zone } as CopyWindow)),
  }),
  include: field({
    ...{ name: 'include', title: 'Folders to copy', part: 'copying', ...patterns('all', 'copy all folders again') },
    about: 'folders to copy, as a pattern of IMAP LIST',
  }),
  exclude: field({
    ...{ name: 'exclude', title: 'Folders to leave out', part: 'copying', ...patterns('none', 'leave out no folder') },
    about: 'folders to leave out, as a pattern of IMAP LIST',
  }),
  reopens: field({
    ...{ name: 'reopens', title: 'Reopen finished migrations', part: 'copying' },
    about: 'reopen a finished migration when its person signs in again',
    ...tick('keep finished migrations finished'),
  }),
}

function choice<W extends string>(words: readonly W[], byDefault: W) {
  return { schema: Type.Enum(words), read: oneOf(words), default: () => byDefault, fallback: byDefault }
}

function tick(takeAway: string) {
  const read = (text: string) => oneOf(['true', 'false'])(text) === 'true'
  return { schema: Type.Boolean(), read, default: () => false, fallback: 'no', takeAway }
}

/** IMAP LIST patterns (RFC 3501, section 6.3.8). */
function patterns(fallback: string, takeAway: string) {
  const none: readonly string[] = []
  return {
    ...{ schema: Type.String(), read: values.pattern, isMany: true, default: () => none },
    ...{ placeholder: 'pattern', fallback, takeAway },
  }
}

function field<T>(row: ProviderField<T>): ProviderField<T> {
  return row
}

type Table = typeof PROVIDER_FIELDS
/** What can be set of a provider. */
export type ProviderSettings = {
  readonly [Key in keyof Table]: Table[Key] extends ProviderField<infer T> ? T : never
}

export const PROVIDER_ROWS = Object.entries(PROVIDER_FIELDS) as readonly [
  keyof ProviderSettings,
  ProviderField<unknown>,
][]
