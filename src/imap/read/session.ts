import type { Code } from '../../model/verdict.ts'
import type { SourceAnswer, SourceQuestion } from '../../source/ports.ts'
import { optionsFor, signInRoom } from '../login/ask.ts'
import { endingOf } from '../login/ending.ts'
import { outcomeOf } from '../login/outcome.ts'
import type { SignedIn } from '../login/sign-in.ts'

/** Whose mailboxes are read, and with which password. */
export type Reader = Pick<SourceQuestion, 'provider' | 'username' | 'password'>

const SIGN_IN_LIMIT_MS = 30_000
/** Opening a large mailbox takes some servers long. */
const SILENCE_LIMIT_MS = 120_000
/** Messages come whole up to a size, and in pieces beyond; some servers send them whole all the same. */
const LITERAL_LIMIT = 256 * 1024 * 1024
const LINE_LIMIT = 1024 * 1024

/** A connection for reading, not made yet. Whoever uses it sends nothing that changes the source. */
export async function readingSession(reader: Reader): Promise<SignedIn> {
  const options = {
    ...optionsFor(reader.provider, SIGN_IN_LIMIT_MS, Number.POSITIVE_INFINITY),
    socketTimeout: SILENCE_LIMIT_MS,
    maxLiteralSize: LITERAL_LIMIT,
    maxLineLength: LINE_LIMIT,
    disableAutoIdle: true,
    // What is enabled changes how names and answers are written (RFC 5161).
    disableAutoEnable: true,
  }
  const room = await signInRoom()
  const client = new room.SignedIn(options, reader)
  // What breaks the connection is told by the command that it breaks.
  client.on('error', () => undefined)
  return client
}

/** What it means that the sign-in failed. */
export function refusalOf(error: unknown, reader: Reader): Exclude<SourceAnswer, { kind: 'yes' }> {
  const answer = outcomeOf(endingOf(error), reader)
  return answer.kind === 'yes' ? { kind: 'trouble', code: 'old-protocol', cause: 'OK', answered: true } : answer
}

/** What kept a signed-in session from its work. */
export function troubleOf(error: unknown, reader: Reader): Code {
  const answer = outcomeOf(endingOf(error), reader)
  return answer.kind === 'trouble' ? answer.code : 'old-protocol'
}
