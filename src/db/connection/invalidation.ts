import { ExponentialBackoff, handleAll, retry } from 'cockatiel'
import pg from 'pg'
import { breakWhenSilent } from './stall-timeout.ts'

/** Whether what others change in the database is heard. Dispose to stop. */
export interface Changes extends Disposable {
  isListening(): boolean
}

/** Hears of an account whose sign-in may be decided otherwise now; null: of every account. */
export type OnForget = (address: string | null) => void

const CHANNEL = 'postferry_forget'
const CONNECT_LIMIT_MS = 4_000
const BEAT_MS = 5_000
const SILENCE_LIMIT_MS = 4_000
const BACKOFF = { initialDelay: 100, maxDelay: 2_000 }

/** pg's clients have these; its types do not. */
type Connected = pg.Client & { readonly processID: number; unref(): void }

/** A connection that is listened on, and its end. */
interface Ear {
  readonly client: Connected
  readonly ended: Promise<unknown>
}

/**
 * Hears what the triggers notify, for as long as it takes, on a connection of its own. Before and after every time of
 * deafness everything is to be forgotten: what changed meanwhile is never told.
 */
export function listen(place: pg.ClientConfig, onForget: OnForget): Changes {
  const stopped = new AbortController()
  let heard: Ear | null = null

  async function keepListening(): Promise<void> {
    const reconnection = retry(handleAll, { backoff: new ExponentialBackoff(BACKOFF) }).dangerouslyUnref()
    while (!stopped.signal.aborted) {
      const ear = await reconnection.execute(() => openEar(place, onForget), stopped.signal)
      if (stopped.signal.aborted) return await ear.client.end()
      heard = ear
      onForget(null)
      await untilLost(ear)
      heard = null
      if (!stopped.signal.aborted) onForget(null)
    }
  }
  // It fails only by being stopped.
  keepListening().catch(() => undefined)

  return {
    isListening: () => heard !== null,
    [Symbol.dispose]() {
      stopped.abort()
      heard?.client.end().catch(() => undefined)
      heard = null
    },
  }
}

async function openEar(place: pg.ClientConfig, onForget: OnForget): Promise<Ear> {
  const client = new pg.Client({
    ...place,
    application_name: 'postferry listener',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
  }) as Connected
  client.on('error', () => undefined)
  client.on('notification', ({ payload }) => onForget(payload || null))
  const ended = new Promise((resolve) => client.once('end', resolve))
  try {
    await client.connect()
    breakWhenSilent(client, SILENCE_LIMIT_MS)
    await client.query(`listen ${CHANNEL}`)
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

async function untilLost({ client, ended }: Ear): Promise<void> {
  const beat = setInterval(() => client.query('select').catch(() => client.end()), BEAT_MS).unref()
  await ended.finally(() => clearInterval(beat))
}
