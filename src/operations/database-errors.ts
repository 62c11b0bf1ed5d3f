const AWAY_STATES = /^(57|53|08)/
const NETWORK_CALLS = ['connect', 'getaddrinfo', 'read', 'write']
/** What read and write say of a file, and never of a connection. */
const OF_FILES = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EISDIR']
// What pg says without a code.
const PG_TROUBLE =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|SSL|SASL|certificate/

/** PostgreSQL's: character_not_in_repertoire. */
const NUL_IN_TEXT = '22021'

/** Whether an error says that a text has a NUL in it, which PostgreSQL takes in none. */
export function isNulInText(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && (error as NodeJS.ErrnoException).code === NUL_IN_TEXT
}

/** Whether an error says that the database cannot be used now (PostgreSQL documentation, appendix A, for its own). */
export function isDatabaseAway(error: unknown): boolean {
  const first = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return false
  const { message, code = '', syscall = '' } = first as NodeJS.ErrnoException
  if ('severity' in first) return AWAY_STATES.test(code)
  const isOfNetwork = NETWORK_CALLS.includes(syscall) && !OF_FILES.includes(code)
  return isOfNetwork || PG_TROUBLE.test(message) || code.startsWith('ERR_TLS_')
}
