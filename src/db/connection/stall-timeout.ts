import type { Socket } from 'node:net'
import pg from 'pg'

/** The processes of the server that work on something, by their numbers. */
type Busy = () => Promise<ReadonlySet<number>>

const NOBODY: Busy = async () => new Set()

/**
 * Breaks a connection whose server owes an answer, says nothing for so long, and does not work on it either. A frozen
 * server or a lost host never tells, and TCP alone gives up after a quarter of an hour: until then the connection would
 * be taken for a busy one. A process that is at work, on the report of a long move, may take its time.
 */
export function breakWhenSilent(client: pg.Client, limitMs: number, busy = NOBODY): void {
  const stream = client.connection.stream as Socket
  let answered = stream.bytesWritten
  stream.on('data', () => {
    answered = stream.bytesWritten
  })
  stream.setTimeout(limitMs).on('timeout', async () => {
    const owed = stream.bytesWritten
    if (owed === answered) return
    const { processID } = client as pg.Client & { readonly processID?: number }
    const isBusy = processID !== undefined && (await busy()).has(processID)
    // An answer may have come meanwhile, and another question gone out.
    if (isBusy || stream.bytesWritten > owed || owed === answered) stream.setTimeout(limitMs)
    else stream.destroy(new Error(`the database says nothing for ${limitMs / 1000} s`))
  })
}

/**
 * The server's processes that work on something, asked on a connection of its own; none, when it does not answer in
 * time. Connections that fall silent together ask together.
 */
export function busyProcesses(location: pg.ClientConfig, limitMs: number): Busy {
  let asked: Promise<ReadonlySet<number>> | undefined
  return () => {
    asked ??= ask(location, limitMs)
      .catch(() => new Set<number>())
      .finally(() => {
        asked = undefined
      })
    return asked
  }
}

async function ask(location: pg.ClientConfig, limitMs: number): Promise<ReadonlySet<number>> {
  const client = new pg.Client({ ...location, connectionTimeoutMillis: limitMs, query_timeout: limitMs })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ pid: number }>(`select pid from pg_stat_activity where state = 'active'`)
    return new Set(rows.map(({ pid }) => pid))
  } finally {
    // A server that says nothing does not say goodbye.
    ;(client.connection.stream as Socket).destroy()
  }
}
