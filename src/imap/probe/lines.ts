import type { Socket } from 'node:net'
import { ProbeFailure } from './way.ts'

const LINE_LIMIT = 8 * 1024
const LINES_LIMIT = 100
const SHOWN = 200

/**
 * Reads the lines of one answer of a server, of any bytes, without their ends. Nothing of the socket is read beyond
 * what has arrived with the last of them.
 * @returns the lines, with the one that is `last`
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
