import type { Socket } from 'node:net'
import type pg from 'pg'

/**
 * Breaks a connection whose server owes an answer and says nothing for so long. A frozen server or a lost host never
 * tells, and TCP alone gives up after a quarter of an hour: until then the connection would be taken for a busy one.
 */
export function breakWhenSilent(client: pg.Client, limitMs: number): void {
  const stream = client.connection.stream as Socket
  let answered = stream.bytesWritten
  stream.on('data', () => {
    answered = stream.bytesWritten
  })
  stream.setTimeout(limitMs).on('timeout', () => {
    if (stream.bytesWritten > answered) stream.destroy(new Error(`the database says nothing for ${limitMs / 1000} s`))
  })
}
