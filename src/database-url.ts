import { readFileSync } from 'node:fs'

/** What pg takes from a URL (pg-connection-string, pg's ConnectionParameters), and what of libpq's makes no difference here. */
const PARAMETERS = [
  ...[
    'host',
    'port',
    'user',
    'password',
    'application_name',
    'fallback_application_name',
    'client_encoding',
    'options',
  ],
  ...['statement_timeout', 'query_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'],
  ...['connect_timeout', 'channel_binding', 'gssencmode', 'target_session_attrs'],
  ...['keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
  ...['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat'],
]
const VALUES: Readonly<Record<string, readonly string[]>> = {
  ssl: ['true', '1', '0', 'no-verify'],
  sslmode: ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'],
  sslnegotiation: ['postgres', 'direct'],
  uselibpqcompat: ['true'],
}
const FILES = ['sslrootcert', 'sslcert', 'sslkey']
/** What pg treats as verify-full, and warns about in nine lines that cron would send. */
const LIKE_VERIFY_FULL = /([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g

/**
 * The URL as pg takes it. A parameter that nobody knows would be ignored: `sslmod=verify-full` would mean no TLS.
 * @throws an error whose message follows the setting's name, and tells nothing of the URL but parameters
 */
export function databaseUrlIn(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw new Error('must be a postgresql:// URL')
  if (url.hash !== '') throw new Error('must have %23 for a # in it')
  // Else a part of the password would be told.
  if (url.search.includes('@')) throw new Error('must have %3F for a ? in a password, and %40 for a @ after the ?')
  for (const [name, value] of url.searchParams) refuseParameter(name, value)
  return url.searchParams.has('uselibpqcompat') ? text : text.replaceAll(LIKE_VERIFY_FULL, '$1verify-full')
}

function refuseParameter(name: string, value: string): void {
  if (!PARAMETERS.includes(name))
    throw new Error(`has a parameter ${name}: there is none, or postferry does not know it`)
  const allowed = VALUES[name]
  if (allowed?.includes(value) === false) throw new Error(`has a wrong ${name}: it must be ${allowed.join(', ')}`)
  if (FILES.includes(name)) refuseUnreadable(name, value)
}

function refuseUnreadable(name: string, file: string): void {
  try {
    readFileSync(file)
  } catch (error) {
    throw new Error(`names a file with ${name} that cannot be read: ${file} (${(error as NodeJS.ErrnoException).code})`)
  }
}
