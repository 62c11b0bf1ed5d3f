import { isDatabaseAway } from '../../operations/database-errors.ts'
import type { EXIT } from './exit.ts'

/** What an error from outside of the commands means for the person. */
export interface Trouble {
  readonly what: string
  readonly exitCode: keyof typeof EXIT
}

// PostgreSQL's error classes (PostgreSQL documentation, appendix A).
const BY_SQL_STATE: readonly (readonly [RegExp, Trouble['exitCode'], string])[] = [
  [/^(28|3D|42501)/, 'config', 'DATABASE_URL: the database refuses it'],
  [/^MF001/, 'config', 'POSTFERRY_RECIPIENTS'],
  [/^(57|53|08)/, 'unavailable', 'the database is away'],
  [/./, 'software', 'the database refuses a statement'],
]
const DISK_TROUBLE = ['ENOSPC', 'EDQUOT', 'EIO']

/** Names the trouble behind an error, without what a URL may hold of secrets. */
export function troubleOf(error: unknown): Trouble {
  const first = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return { what: String(first), exitCode: 'software' }
  const { message, code = '', syscall = '', path = '' } = first as NodeJS.ErrnoException
  if ('severity' in first) {
    const [, exitCode, what] = BY_SQL_STATE.find(([state]) => state.test(code)) ?? [0, 'software' as const, 'database']
    return { what: `${what}: ${message}`, exitCode }
  }
  if (isDatabaseAway(first)) return { what: `the database is away: ${message}`, exitCode: 'unavailable' }
  if (syscall === 'mkdir') {
    const what =
      code === 'EEXIST' || code === 'ENOTDIR' ? `${path} is, or lies below, a file that is no folder` : message
    return { what: `POSTFERRY_DATA_DIR: ${what}`, exitCode: 'cannotCreate' }
  }
  if (DISK_TROUBLE.includes(code)) return { what: message, exitCode: 'inputOutput' }
  if (code === 'EACCES' || code === 'EPERM') return { what: message, exitCode: 'permission' }
  if (first instanceof TypeError || first instanceof RangeError || first instanceof ReferenceError) {
    return { what: `${message} (this is a bug in postferry)`, exitCode: 'software' }
  }
  return { what: message, exitCode: 'unavailable' }
}
