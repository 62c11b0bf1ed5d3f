import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Settings } from './config.ts'
import { offlineImap } from './copy/offlineimap.ts'
import { openQueue, upgradeQueue } from './db/queue.ts'
import { turns } from './db/turns.ts'
import type { CopyingHouse, CopyingOptions } from './doors/worker/house.ts'
import { offlineimaprc } from './emit/offlineimap.ts'
import { looks } from './imap/look.ts'
import type { CopyOrder } from './model/migration.ts'
import type { Proof, Worker } from './policy/copying.ts'
import { openReady, type Service } from './service.ts'

const PYTHON_FILE = join(import.meta.dirname, '../deploy/offlineimap/mailferry.py')

/** What copies mail, wired together; on a host that has the identity file. */
export async function openCopying(settings: Settings, options: CopyingOptions): Promise<CopyingHouse> {
  const service = await openReady(settings)
  try {
    return await copying(service, options)
  } catch (error) {
    await service[Symbol.asyncDispose]()
    throw error
  }
}

async function copying(service: Service, { adopts, limitMs }: CopyingOptions): Promise<CopyingHouse> {
  const { database, settings, accounts, domains, migrations } = service
  const { pool, kysely } = database
  const opener = await service.opener()
  await upgradeQueue(pool)
  const metadata = settings.offlineimapMetadata
  const engine = offlineImap({
    metadata,
    emit: (order, starter) => offlineimaprc(workOf(order), { pythonFile: PYTHON_FILE, metadata, starter }),
  })
  const worker: Worker = { id: randomUUID(), host: hostname(), place: await engine.place(), adopts }
  return {
    around: {
      worker,
      turns: turns(kysely),
      looks,
      engine,
      opener,
      proof: TRUSTED,
      limitMs,
      now: () => new Date(),
      chance: Math.random,
    },
    accounts,
    domains,
    migrations,
    openQueue: (slots, awake) => openQueue(pool, worker, slots, awake),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

// What the engine calls complete is complete, until a ledger is asked.
const TRUSTED: Proof = { isComplete: async () => true }

function workOf(order: CopyOrder) {
  return { ids: [order.id], orders: [order] }
}
