import type { Socket } from 'node:net'
import type { Provider } from '../../model/provider.ts'

/** How far a probe has got. */
export interface ProbeState {
  readonly provider: Provider
  addresses: readonly string[]
  /** Not connected before the step that connects. */
  socket: Socket
  /** Whole days until the source's certificate expires. */
  daysLeft?: number
  /** Aborted when the probe is over. */
  readonly signal: AbortSignal
}

/** Takes one step and returns what was found. @throws ProbeFailure or an error of the network */
export type Step = (state: ProbeState) => Promise<string>

/** A step failed for a reason that has a remedy. */
export class ProbeFailure extends Error {
  readonly remedy: string

  constructor(found: string, remedy: string) {
    super(found)
    this.remedy = remedy
  }
}

const LINE_LIMIT = 8 * 1024
const LINES_LIMIT = 100
const SHOWN = 200

/**
 * Reads lines of any bytes, without their ends, up to and with the one that is `last`. Nothing of the socket is read
 * beyond what arrives with that one.
 * @throws ProbeFailure when no IMAP server talks like that
 */
export async function linesUpTo(socket: Socket, last: (line: string) => boolean): Promise<string[]> {
  const lines: string[] = []
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString('latin1')
    const parts = text.split('\n')
    text = parts.pop() ?? ''
    lines.push(...parts.map((part) => part.replace(/\r$/, '')))
    const end = lines.findIndex(last)
    if (end >= 0 && (end < lines.length - 1 || text !== '')) throw noImap('more than it was asked for')
    if (end >= 0) return lines
    if (text.length > LINE_LIMIT || lines.length > LINES_LIMIT) throw noImap('more than an IMAP server says here')
  }
  throw new Error('the server closed the connection without an answer')
}

/** What a server said, short enough to be shown. */
export function quote(line: string): string {
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line
}

export function noImap(said: string): ProbeFailure {
  return new ProbeFailure(`the server says ${said}`, 'this is no IMAP server: check host and port')
}
