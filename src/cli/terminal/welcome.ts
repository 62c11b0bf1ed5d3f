import { isIPv6 } from 'node:net'
import type { Settings } from '../../settings.ts'

/** What `postferry serve` prints when it listens. */
export function welcome({ dataDir, socket, host, port, databaseUrl, authToken }: Settings): string {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
  const panel = port === 0 ? '' : `\n  panel           ${url}/admin`
  const tcp = port === 0 ? '' : ` and ${url}`
  const token = authToken === null ? `${dataDir}/auth-token` : 'POSTFERRY_AUTH_TOKEN'
  const shown = port === 0 ? '' : `\n  auth token      ${token} (Dovecot shows it on TCP)`
  return `postferry answers on ${socket}${tcp}
  data directory  ${dataDir}
  database        ${databaseUrl === null ? 'PostgreSQL inside of the data directory' : 'DATABASE_URL'}${shown}${panel}

Next:
  bin/postferry admin add NAME
  bin/postferry provider add NAME --host imap.old.example
  bin/postferry provider test NAME
  bin/postferry domain add old.example --provider NAME
`
}
