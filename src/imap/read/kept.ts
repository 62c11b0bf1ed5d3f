import type { KeepConnection, MeterSource, SourceFolders } from '../../copying/ports.ts'
import type { Opened } from '../../ledger/ports.ts'
import type { LoggedIn } from '../login/connection.ts'
import type { Listed } from './mailboxes.ts'
import { type Reader, readingSession } from './session.ts'

/** Routers forget connections that are silent for some minutes. */
const FRESH_MS = 60_000

/** What there is at the source, as it was told a moment ago. */
export interface Told extends Listed, Pick<SourceFolders, 'subscribed' | 'status'> {}

/** What a job has of the source: one connection at a time, signed in once, and what was told on it. */
interface Kept {
  client: LoggedIn | null
  /** When it was last used. */
  usedAt: number
  /** Whether the job is over. */
  isOver: boolean
  /** As the status check was told, for whoever asks for folders next. */
  told: Told | null
  folders: SourceFolders | null
  /** Mailboxes as a program was told of them on its way, by name. */
  readonly listings: Map<string, Opened>
}

const all = new Map<string, Kept>()

/**
 * Whoever reads for this person signs in once, until this is disposed: the connection goes from hand to hand, and nobody
 * has a second one.
 */
export const keepConnection: KeepConnection = (provider, { username, password }) => {
  const key = keyOf({ provider, username, password })
  const kept: Kept = { client: null, usedAt: 0, isOver: false, told: null, folders: null, listings: new Map() }
  all.set(key, kept)
  return {
    async [Symbol.asyncDispose]() {
      kept.isOver = true
      if (all.get(key) === kept) all.delete(key)
      await kept.client?.leave()
    },
  }
}

const meters = new Map<string, (bytes: number) => void>()

/** Counts what comes over all connections of this person that are made until it is disposed. */
export const meterSource: MeterSource = (provider, { username, password }, onBytes) => {
  const key = keyOf({ provider, username, password })
  meters.set(key, onBytes)
  return { [Symbol.dispose]: () => void (meters.get(key) === onBytes && meters.delete(key)) }
}

/** For an engine that signs in by itself: it finds no connection open, and what was told before it counts no more. */
export async function letGo(provider: Reader['provider'], { username, password }: Omit<Reader, 'provider'>) {
  const kept = all.get(keyOf({ provider, username, password }))
  if (kept === undefined) return
  const { client } = kept
  kept.client = null
  kept.told = null
  kept.folders = null
  kept.listings.clear()
  await client?.leave()
}

function keyOf({ provider: { name, host, port, tls }, username, password }: Reader): string {
  return JSON.stringify([name, host, port, tls, username, password])
}

/** What was told to this reader's job; missing: it is for none. */
export function keptFor(reader: Reader): Pick<Kept, 'told' | 'folders' | 'listings'> | undefined {
  return all.get(keyOf(reader))
}

/** A connection of one reader, until it is given back. */
export interface Held {
  readonly client: LoggedIn
  /** It is fit for whoever is next; otherwise it is closed. */
  giveBack(): Promise<void>
}

/** A signed-in connection: the one that was given back, or a new one. An aborted signal ends it. */
export async function holdConnection(reader: Reader, signal?: AbortSignal): Promise<Held> {
  const kept = all.get(keyOf(reader))
  const client = (await takeFrom(kept)) ?? (await signedIn(reader, signal))
  const end = () => client.close()
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  return {
    client,
    async giveBack() {
      signal?.removeEventListener('abort', end)
      const isKept = kept !== undefined && !kept.isOver && kept.client === null && client.usable
      if (!isKept) return await client.leave()
      kept.client = client
      kept.usedAt = performance.now()
    },
  }
}

async function takeFrom(kept: Kept | undefined): Promise<LoggedIn | null> {
  if (kept?.client == null) return null
  const { client, usedAt } = kept
  kept.client = null
  if (client.usable && performance.now() - usedAt < FRESH_MS) return client
  await client.leave()
  return null
}

async function signedIn(reader: Reader, signal?: AbortSignal): Promise<LoggedIn> {
  const client = await readingSession(reader, meters.get(keyOf(reader)))
  const end = () => client.close()
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    await client.connect()
    return client
  } catch (error) {
    client.close()
    throw error
  } finally {
    signal?.removeEventListener('abort', end)
  }
}
