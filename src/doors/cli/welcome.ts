import type { Settings } from '../../config.ts'

/** What `mailferry serve` prints when its doors are open. */
export function welcome({ dataDir, socket, host, port, databaseUrl }: Settings): string {
  const panel = port === 0 ? '' : `\n  panel           http://${host}:${port}/admin`
  const tcp = port === 0 ? '' : ` and http://${host}:${port}`
  return `mailferry answers on ${socket}${tcp}
  data directory  ${dataDir}
  database        ${databaseUrl === null ? 'PostgreSQL inside of the data directory' : 'DATABASE_URL'}
  door token      ${dataDir}/door-token (Dovecot shows it on TCP)${panel}

Next:
  bin/mailferry admin add NAME
  bin/mailferry provider add NAME --host imap.old.example
  bin/mailferry provider test NAME
  bin/mailferry domain add old.example --provider NAME
`
}
