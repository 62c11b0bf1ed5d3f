import { ExponentialBackoff, handleAll, retry } from 'cockatiel'
import pg from 'pg'
import { breakWhenSilent } from './stall-timeout.ts'

/**
 * What is notified: an account whose cached sign-ins have to be forgotten, empty: all accounts; that jobs may have
 * become due; and that a flip waits for the services to confirm its hold.
 */
export type Channel = 'postferry_forget' | 'postferry_jobs' | 'postferry_holds'

/** Whether notifications arrive. Dispose to stop. */
export interface Listener extends Disposable {
  isListening(): boolean
}

/** What was notified; null: an empty payload, or notifications may have been lost. */
export type OnNotice = (payload: string | null) => void

const CONNECT_LIMIT_MS = 4_000
const BEAT_MS = 5_000
const SILENCE_LIMIT_MS = 4_000
const BACKOFF = { initialDelay: 100, maxDelay: 2_000 }

/** pg's clients have these; its types do not. */
type Connected = pg.Client & { readonly processID: number; unref(): void }

/** A connection that listens, and its end. */
interface Connection {
  readonly client: Connected
  readonly ended: Promise<unknown>
}

/**
 * Listens to a channel, on a connection of its own, which is replaced when it breaks. Notifications in between are lost,
 * so `onNotice(null)` is called when the connection breaks and when there is another.
 */
export function listen(location: pg.ClientConfig, channel: Channel, onNotice: OnNotice): Listener {
  const stopped = new AbortController()
  let current: Connection | null = null

  async function keepListening(): Promise<void> {
    const reconnection = retry(handleAll, { backoff: new ExponentialBackoff(BACKOFF) }).dangerouslyUnref()
    while (!stopped.signal.aborted) {
      const connection = await reconnection.execute(() => connect(location, channel, onNotice), stopped.signal)
      if (stopped.signal.aborted) return await connection.client.end()
      current = connection
      onNotice(null)
      await untilLost(connection)
      current = null
      if (!stopped.signal.aborted) onNotice(null)
    }
  }
  // It fails only by being stopped.
  keepListening().catch(() => undefined)

  return {
    isListening: () => current !== null,
    [Symbol.dispose]() {
      stopped.abort()
      current?.client.end().catch(() => undefined)
      current = null
    },
  }
}

async function connect(location: pg.ClientConfig, channel: Channel, onNotice: OnNotice): Promise<Connection> {
  const client = new pg.Client({
    ...location,
    application_name: 'postferry listener',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
  }) as Connected
  client.on('error', () => undefined)
  client.on('notification', ({ payload }) => onNotice(payload || null))
  const ended = new Promise((resolve) => client.once('end', resolve))
  try {
    await client.connect()
    breakWhenSilent(client, SILENCE_LIMIT_MS)
    await client.query(`listen ${channel}`)
    await refusePooler(client)
    client.unref()
    return { client, ended }
  } catch (error) {
    client.end().catch(() => undefined)
    throw error
  }
}

/** A pooler that gives each transaction another server connection swallows what is notified in between. */
async function refusePooler(client: Connected): Promise<void> {
  const { rows } = await client.query('select pg_backend_pid() as pid')
  if (rows[0].pid !== client.processID) throw new Error('a connection pooler stands between here and PostgreSQL')
}

async function untilLost({ client, ended }: Connection): Promise<void> {
  const beat = setInterval(() => client.query('select').catch(() => client.end()), BEAT_MS).unref()
  await ended.finally(() => clearInterval(beat))
}
