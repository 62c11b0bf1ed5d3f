import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { cleanEnv, str } from 'envalid'
import { likeliest } from './model/closest-word.ts'
import { isLoopback } from './model/host.ts'
import type { KeptFree } from './model/kept-free.ts'
import type { Periods } from './model/retention.ts'
import {
  ageRecipients,
  count,
  delimiter,
  home,
  LOG_LEVELS,
  names,
  networks,
  panelKey,
  percent,
  port,
  postgresUrl,
  token,
  yesOrNo,
} from './setting-values.ts'

/** A setting is wrong: the message is one line that names it. */
export class SettingsError extends Error {}

export interface Settings {
  /** Null: PostgreSQL embedded in the data directory. */
  readonly databaseUrl: string | null
  readonly dataDir: string
  readonly socket: string
  readonly host: string
  /** 0: no TCP. */
  readonly port: number
  /** Whether `host` may be one that other hosts reach. */
  readonly plainHttp: boolean
  /** What a browser, Dovecot or a proxy may call this host on TCP, besides its IP addresses, localhost and `host`. */
  readonly hostNames: readonly string[]
  /** Null: made at first start, in the data directory. */
  readonly authToken: string | null
  readonly adminToken: string | null
  /** Null: made at first need, in the data directory. */
  readonly panelKey: Buffer | null
  /** Empty: made with the key at first start. */
  readonly recipients: readonly string[]
  readonly identityFile: string
  /** Whether the settings name it: then this host opens what is sealed. */
  readonly identityNamed: boolean
  readonly home: string
  readonly logLevel: string
  /** How long one question to the source may take. */
  readonly oldLimitMs: number
  /** How long the whole answer to a sign-in may take. */
  readonly answerLimitMs: number
  /** How long a right password is remembered; 0: not at all. */
  readonly cacheMs: number
  /** How long a password that was just refused is not asked again; 0: it is. */
  readonly refusalMemoryMs: number
  /** Failed sign-ins in ten minutes, for a person, a client's network and a provider; 0: no limit. */
  readonly limits: { readonly person: number; readonly client: number; readonly provider: number }
  /** For how many days what is not kept for ever is kept. */
  readonly keep: Periods
  /** Networks of webmails and proxies: their addresses are nobody's client. */
  readonly proxyNetworks: readonly string[]
  /** What separates the detail of a sub-address; '' where there is none. */
  readonly recipientDelimiter: string
  /** Where OfflineIMAP remembers what it copied. */
  readonly offlineimapMetadata: string
  /** What copying leaves free on each file system that it writes to. */
  readonly keptFree: KeptFree
}

const SETTINGS = {
  DATABASE_URL: postgresUrl({ default: undefined }),
  POSTFERRY_DATA_DIR: str({ default: './data' }),
  POSTFERRY_SOCKET: str({ default: undefined }),
  POSTFERRY_HOST: str({ default: '127.0.0.1' }),
  POSTFERRY_PORT: port({ default: 8025 }),
  POSTFERRY_PLAIN_HTTP: yesOrNo({ default: false }),
  POSTFERRY_HOST_NAMES: names({ default: undefined }),
  POSTFERRY_AUTH_TOKEN: token({ default: undefined }),
  POSTFERRY_ADMIN_TOKEN: token({ default: undefined }),
  POSTFERRY_PANEL_KEY: panelKey({ default: undefined }),
  POSTFERRY_RECIPIENTS: ageRecipients({ default: undefined }),
  POSTFERRY_IDENTITY_FILE: str({ default: undefined }),
  POSTFERRY_HOME: home({ default: '/var/vmail/%d/%n' }),
  POSTFERRY_LOG_LEVEL: str({ choices: LOG_LEVELS, default: 'info' }),
  POSTFERRY_OLD_LIMIT_SECONDS: count({ default: 20 }),
  POSTFERRY_ANSWER_LIMIT_SECONDS: count({ default: 40 }),
  POSTFERRY_CACHE_SECONDS: count({ default: 300 }),
  POSTFERRY_REFUSAL_MEMORY_SECONDS: count({ default: 30 }),
  POSTFERRY_LIMIT_PERSON: count({ default: 30 }),
  POSTFERRY_LIMIT_CLIENT: count({ default: 100 }),
  POSTFERRY_LIMIT_PROVIDER: count({ default: 3_000 }),
  POSTFERRY_KEEP_AUDIT_DAYS: count({ default: 400 }),
  POSTFERRY_KEEP_ATTEMPTS_DAYS: count({ default: 90 }),
  POSTFERRY_KEEP_STEPS_DAYS: count({ default: 400 }),
  POSTFERRY_KEEP_LEDGERS_DAYS: count({ default: 400 }),
  POSTFERRY_KEEP_CREDENTIALS_DAYS: count({ default: 730 }),
  POSTFERRY_PROXY_NETWORKS: networks({ default: undefined }),
  POSTFERRY_RECIPIENT_DELIMITER: delimiter({ default: '' }),
  POSTFERRY_OFFLINEIMAP_METADATA: str({ default: undefined }),
  POSTFERRY_KEEP_FREE_PERCENT: percent({ default: 5 }),
  POSTFERRY_KEEP_FREE_MIB: count({ default: 2_048 }),
}

/** Each of these may be given as a file that holds it: `…_FILE`. */
const IN_FILES = ['POSTFERRY_AUTH_TOKEN', 'POSTFERRY_ADMIN_TOKEN', 'POSTFERRY_PANEL_KEY', 'DATABASE_URL']

/** The names that a settings file may hold. */
export const SETTING_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(SETTINGS),
  ...IN_FILES.map((name) => `${name}_FILE`),
])

/** What else our programs read, in an environment alone: where the settings are, and what Dovecot's files say. */
const ENVIRONMENT_NAMES = ['POSTFERRY_SETTINGS_FILE', 'POSTFERRY_URL', 'POSTFERRY_CLIENT_LIMIT_SECONDS']

/**
 * The settings in force, from the environment and the files that it names.
 * @throws SettingsError
 */
export function loadSettings(environment: NodeJS.ProcessEnv): Settings {
  refuseUnknown(environment)
  const env = cleanEnv(withFiles(environment), SETTINGS, { reporter: refuseWrong })
  const dataDir = resolve(env.POSTFERRY_DATA_DIR)
  if (env.POSTFERRY_PORT !== 0 && !env.POSTFERRY_PLAIN_HTTP) refuseOpenHost(env.POSTFERRY_HOST)
  refuseBudget(env.POSTFERRY_OLD_LIMIT_SECONDS, env.POSTFERRY_ANSWER_LIMIT_SECONDS)
  return {
    databaseUrl: env.DATABASE_URL ?? null,
    dataDir,
    socket: resolve(env.POSTFERRY_SOCKET ?? `${dataDir}/postferry.sock`),
    host: env.POSTFERRY_HOST,
    port: env.POSTFERRY_PORT,
    plainHttp: env.POSTFERRY_PLAIN_HTTP,
    hostNames: env.POSTFERRY_HOST_NAMES ?? [],
    authToken: env.POSTFERRY_AUTH_TOKEN ?? null,
    adminToken: env.POSTFERRY_ADMIN_TOKEN ?? null,
    panelKey: env.POSTFERRY_PANEL_KEY ?? null,
    recipients: env.POSTFERRY_RECIPIENTS ?? [],
    identityFile: resolve(env.POSTFERRY_IDENTITY_FILE ?? `${dataDir}/identity`),
    identityNamed: env.POSTFERRY_IDENTITY_FILE !== undefined,
    home: env.POSTFERRY_HOME,
    logLevel: env.POSTFERRY_LOG_LEVEL,
    oldLimitMs: env.POSTFERRY_OLD_LIMIT_SECONDS * 1_000,
    answerLimitMs: env.POSTFERRY_ANSWER_LIMIT_SECONDS * 1_000,
    cacheMs: env.POSTFERRY_CACHE_SECONDS * 1_000,
    refusalMemoryMs: env.POSTFERRY_REFUSAL_MEMORY_SECONDS * 1_000,
    limits: {
      person: env.POSTFERRY_LIMIT_PERSON,
      client: env.POSTFERRY_LIMIT_CLIENT,
      provider: env.POSTFERRY_LIMIT_PROVIDER,
    },
    keep: {
      audit: env.POSTFERRY_KEEP_AUDIT_DAYS,
      attempts: env.POSTFERRY_KEEP_ATTEMPTS_DAYS,
      steps: env.POSTFERRY_KEEP_STEPS_DAYS,
      ledgers: env.POSTFERRY_KEEP_LEDGERS_DAYS,
      credentials: env.POSTFERRY_KEEP_CREDENTIALS_DAYS,
    },
    proxyNetworks: env.POSTFERRY_PROXY_NETWORKS ?? [],
    recipientDelimiter: env.POSTFERRY_RECIPIENT_DELIMITER,
    offlineimapMetadata: resolve(env.POSTFERRY_OFFLINEIMAP_METADATA ?? `${dataDir}/offlineimap`),
    keptFree: { percent: env.POSTFERRY_KEEP_FREE_PERCENT, bytes: env.POSTFERRY_KEEP_FREE_MIB * 2 ** 20 },
  }
}

/** postferry speaks no TLS of its own. */
function refuseOpenHost(host: string): void {
  if (isLoopback(host)) return
  const proxied = 'keep 127.0.0.1 with a proxy with TLS in front (deploy/nginx)'
  const reason = `is open to other hosts, and passwords would travel there in the clear`
  throw new SettingsError(`POSTFERRY_HOST=${host} ${reason}: ${proxied}, or allow it with POSTFERRY_PLAIN_HTTP=yes`)
}

/** Besides the question to the source, the answer needs time for the queue before it and the database after it. */
const BESIDES_SOURCE_SECONDS = 5
/** Dovecot's Lua and checkpassword wait 50 s at most (POSTFERRY_CLIENT_LIMIT_SECONDS): they must hear the answer. */
const MOST_ANSWER_SECONDS = 49

function refuseBudget(oldLimit: number, answerLimit: number): void {
  if (oldLimit < 1) throw new SettingsError('POSTFERRY_OLD_LIMIT_SECONDS must be at least 1')
  if (answerLimit < oldLimit + BESIDES_SOURCE_SECONDS) {
    const least = `POSTFERRY_OLD_LIMIT_SECONDS and ${BESIDES_SOURCE_SECONDS} (${oldLimit + BESIDES_SOURCE_SECONDS})`
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

/** The environment with the secrets that it names files for (`…_FILE`); an empty setting counts as unset. */
function withFiles(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  for (const name of IN_FILES) {
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
  const wrong = Object.entries(errors).map(([name, error]) => `${name} ${reasonOf(error)}`)
  if (wrong.length > 0) throw new SettingsError(wrong.join('; '))
}

function reasonOf(error: Error | undefined): string {
  const message = error?.message ?? 'is wrong'
  return message.startsWith('Value ') ? `must be one of ${LOG_LEVELS.join(', ')}` : message
}

/** The settings in force by their names; of a secret only whether it is set. */
export function redacted(settings: Settings): Record<string, string | number> {
  const whether = (secret: string | Buffer | null) => (secret === null ? 'not set' : 'set')
  return {
    DATABASE_URL: whether(settings.databaseUrl),
    POSTFERRY_DATA_DIR: settings.dataDir,
    POSTFERRY_SOCKET: settings.socket,
    POSTFERRY_HOST: settings.host,
    POSTFERRY_PORT: settings.port,
    POSTFERRY_PLAIN_HTTP: settings.plainHttp ? 'yes' : 'no',
    POSTFERRY_HOST_NAMES: settings.hostNames.join(' ') || 'not set',
    POSTFERRY_AUTH_TOKEN: whether(settings.authToken),
    POSTFERRY_ADMIN_TOKEN: whether(settings.adminToken),
    POSTFERRY_PANEL_KEY: whether(settings.panelKey),
    // Public keys.
    POSTFERRY_RECIPIENTS: settings.recipients.join(' ') || 'not set',
    POSTFERRY_IDENTITY_FILE: settings.identityFile,
    POSTFERRY_HOME: settings.home,
    POSTFERRY_LOG_LEVEL: settings.logLevel,
    POSTFERRY_OLD_LIMIT_SECONDS: settings.oldLimitMs / 1_000,
    POSTFERRY_ANSWER_LIMIT_SECONDS: settings.answerLimitMs / 1_000,
    POSTFERRY_CACHE_SECONDS: settings.cacheMs / 1_000,
    POSTFERRY_REFUSAL_MEMORY_SECONDS: settings.refusalMemoryMs / 1_000,
    POSTFERRY_LIMIT_PERSON: settings.limits.person,
    POSTFERRY_LIMIT_CLIENT: settings.limits.client,
    POSTFERRY_LIMIT_PROVIDER: settings.limits.provider,
    POSTFERRY_KEEP_AUDIT_DAYS: settings.keep.audit,
    POSTFERRY_KEEP_ATTEMPTS_DAYS: settings.keep.attempts,
    POSTFERRY_KEEP_STEPS_DAYS: settings.keep.steps,
    POSTFERRY_KEEP_LEDGERS_DAYS: settings.keep.ledgers,
    POSTFERRY_KEEP_CREDENTIALS_DAYS: settings.keep.credentials,
    POSTFERRY_PROXY_NETWORKS: settings.proxyNetworks.join(' ') || 'not set',
    POSTFERRY_RECIPIENT_DELIMITER: settings.recipientDelimiter,
    POSTFERRY_OFFLINEIMAP_METADATA: settings.offlineimapMetadata,
    POSTFERRY_KEEP_FREE_PERCENT: settings.keptFree.percent,
    POSTFERRY_KEEP_FREE_MIB: settings.keptFree.bytes / 2 ** 20,
  }
}
