import type { Code } from '../../model/verdict.ts'
import type { SourceAnswer, SourceLogin } from '../../source/ports.ts'
import { loadImap, optionsFor } from '../login/ask.ts'
import type { LoggedIn } from '../login/connection.ts'
import { endingOf } from '../login/ending.ts'
import { outcomeOf } from '../login/outcome.ts'

/** Whose mailboxes are read, and with which password. */
export type Reader = Pick<SourceLogin, 'provider' | 'username' | 'password'>

const SIGN_IN_LIMIT_MS = 30_000
/** Opening a large mailbox takes some servers long. */
const SILENCE_LIMIT_MS = 120_000
/** Messages come whole up to a size, and in pieces beyond; some servers send them whole all the same. */
const LITERAL_LIMIT = 256 * 1024 * 1024
const LINE_LIMIT = 1024 * 1024

/** A connection for reading, not open yet. Nothing that changes the source may be sent on it. */
export async function readingSession(reader: Reader, onBytes?: (bytes: number) => void): Promise<LoggedIn> {
  const options = {
    ...optionsFor(reader.provider, SIGN_IN_LIMIT_MS, {
      mostBytes: Number.POSITIVE_INFINITY,
      ...(onBytes && { onBytes }),
    }),
    socketTimeout: SILENCE_LIMIT_MS,
    maxLiteralSize: LITERAL_LIMIT,
    maxLineLength: LINE_LIMIT,
    disableAutoIdle: true,
    // What is enabled changes how names and answers are written (RFC 5161).
    disableAutoEnable: true,
    // A connection that is lent carries plain IMAP.
    disableCompression: true,
  }
  const room = await loadImap()
  const client = new room.LoggedIn(options, reader)
  // An error of the connection rejects the command that it breaks.
  client.on('error', () => undefined)
  return client
}

/** Why a login failed. */
export function refusalOf(error: unknown, reader: Reader): Exclude<SourceAnswer, { kind: 'yes' }> {
  const answer = outcomeOf(endingOf(error), reader)
  return answer.kind === 'yes' ? { kind: 'trouble', code: 'old-protocol', cause: 'OK', answered: true } : answer
}

/** Why a logged-in session failed. */
export function troubleOf(error: unknown, reader: Reader): Code {
  const answer = outcomeOf(endingOf(error), reader)
  return answer.kind === 'trouble' ? answer.code : 'old-protocol'
}

/** Whether the source refused a command, and the session goes on. */
export function isRefusal(error: unknown): boolean {
  return /^(NO|BAD)$/.test(endingOf(error).status ?? '')
}
