import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { COPYING_HOST_FILE } from '../copying/copying-hosts.ts'
import type { Proof, Worker } from '../copying/ports.ts'
import { eraseOld } from '../copying/retention.ts'
import type { CopyingHouse, CopyingOptions } from '../copying/worker-deps.ts'
import { copyingHosts } from '../db/copying-hosts.ts'
import { jobs } from '../db/jobs.ts'
import { openQueue, upgradeQueue } from '../db/queue.ts'
import { retention } from '../db/retention.ts'
import { offlineimaprc } from '../engines/offlineimap/config.ts'
import { offlineImap } from '../engines/offlineimap/engine.ts'
import { copyingState } from '../engines/offlineimap/state.ts'
import { keptLine } from '../files/atomic.ts'
import { sourceMail } from '../imap/read/listing.ts'
import { looks } from '../imap/read/status-check.ts'
import type { CopyingState, LostMessages } from '../ledger/ports.ts'
import { verify } from '../ledger/verify.ts'
import { roomBeside } from '../maildir/free-space.ts'
import { destinationMail } from '../maildir/listing.ts'
import { CouldNotAsk, type LedgerFolder, NotKept } from '../model/ledger.ts'
import { sentence } from '../model/ledger-words.ts'
import type { CopyOrder } from '../model/migration.ts'
import { UidSet } from '../model/uid-set.ts'
import { type Settings, SettingsError } from '../settings.ts'
import { openReady, type Service } from './service.ts'

const PYTHON_FILE = join(import.meta.dirname, '../../deploy/offlineimap/postferry.py')

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

async function copying(service: Service, { takesOver, early, limitMs, by }: CopyingOptions): Promise<CopyingHouse> {
  const { database, settings, accounts, domains, migrations } = service
  const { pool, kysely } = database
  const keyring = await service.keyring()
  await upgradeQueue(pool)
  const metadata = settings.offlineimapMetadata
  const beside = [metadata, settings.dataDir]
  const engine = offlineImap({
    metadata,
    emit: (order, starter) =>
      offlineimaprc(workOf(order), {
        pythonFile: PYTHON_FILE,
        metadata,
        starter,
        keptFree: { ...settings.keptFree, folders: beside },
      }),
  })
  const remembered = copyingState(() => metadata)
  const all = copyingHosts(kysely)
  const worker: Worker = {
    id: randomUUID(),
    host: hostname(),
    copyingHost: copyingHostIn(metadata),
    takesOver,
    early,
    by,
  }
  const serving = await all.serve(worker, metadata)
  return {
    deps: {
      worker,
      jobs: jobs(kysely),
      looks,
      engine,
      keyring,
      proof: ledgerProof(service, remembered, worker),
      copyingState: remembered,
      room: roomBeside(settings.keptFree, beside),
      limitMs,
      now: () => new Date(),
      chance: Math.random,
    },
    budget: service.budget,
    copyingHosts: all,
    accounts,
    domains,
    migrations,
    eraseOld: (stop) => eraseOld(settings.keep, `sync on ${worker.host}`, retention(kysely), stop),
    openQueue: (slots, awake) => openQueue(pool, worker, slots, awake),
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}

function ledgerProof({ ledgers }: Service, copyingState: CopyingState, { id: holder }: Worker): Proof {
  const deps = { sourceMail, destinationMail, copyingState, ledgers }
  return {
    async flaw({ migrationId, address, order, isFinishRequested }, { username, password }, signal) {
      try {
        const purpose = isFinishRequested ? 'finish' : 'job'
        const asked = { migrationId, ...order, username, password }
        const { code, folders } = await verify(asked, deps, { signal, purpose, holder })
        if (code === null) return null
        return {
          outcome: `ledger-${code}`,
          sentence: `the ledger ${sentence({ code, folders })}; postferry verify ${address}`,
          lost: lostIn(folders),
        }
      } catch (error) {
        const unproved = (sentence: string) => ({ outcome: 'incomplete', sentence, lost: [] }) as const
        if (signal.aborted) return unproved('stopped')
        if (error instanceof NotKept) return { ...unproved(error.message), outcome: NOT_KEPT[error.reason] }
        if (error instanceof CouldNotAsk) return unproved(`the copy could not be proved: ${error.message}`)
        throw error
      }
    },
  }
}

const NOT_KEPT = { overtaken: 'incomplete', 'too-late': 'lost-lock' } as const

function lostIn(folders: readonly LedgerFolder[]): LostMessages[] {
  return folders.flatMap(({ directory, uidValidity, lostUids }) => {
    return lostUids === '' || uidValidity === null ? [] : [{ directory, uidValidity, uids: UidSet.parse(lostUids) }]
  })
}

/** A name that the folder of the copying state keeps, wherever it is mounted. @throws SettingsError */
function copyingHostIn(metadata: string): string {
  try {
    mkdirSync(metadata, { recursive: true, mode: 0o700 })
    return keptLine(join(metadata, COPYING_HOST_FILE), randomUUID)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SettingsError(`POSTFERRY_OFFLINEIMAP_METADATA: cannot write in ${metadata} (${code})`)
  }
}

function workOf(order: CopyOrder) {
  return { ids: [order.id], orders: [order] }
}
