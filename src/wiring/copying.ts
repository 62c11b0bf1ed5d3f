import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { BytesRead } from '../copying/bytes-read.ts'
import { ledgerProof } from '../copying/ledger-proof.ts'
import type { Worker } from '../copying/ports.ts'
import { eraseOld } from '../copying/retention.ts'
import type { CopyingOptions, WorkerDeps } from '../copying/worker-deps.ts'
import { copiedTotals } from '../db/copied-totals.ts'
import { copyingHosts } from '../db/copying-hosts.ts'
import { flips } from '../db/flips.ts'
import { jobs } from '../db/jobs.ts'
import { retention } from '../db/retention.ts'
import { sourceBytes } from '../db/source-bytes.ts'
import { proxiedSessions, whyNone } from '../engines/doveadm/sessions.ts'
import { removeStale } from '../engines/doveadm/stale.ts'
import { copyingHostIn } from '../files/kept-ids.ts'
import { keepConnection, meterSource } from '../imap/read/kept.ts'
import { statusCheck } from '../imap/read/status-check.ts'
import { roomBeside } from '../maildir/free-space.ts'
import type { Settings } from '../settings.ts'
import { openReady, type Service } from './service.ts'

/** What copies mail, wired together; on a host that has the identity file. */
export async function openCopying(settings: Settings, options: CopyingOptions): Promise<WorkerDeps> {
  const service = await openReady(settings)
  try {
    return await copying(service, options)
  } catch (error) {
    await service[Symbol.asyncDispose]()
    throw error
  }
}

async function copying(service: Service, { takesOver, early, limitMs, by }: CopyingOptions): Promise<WorkerDeps> {
  const { database, settings, engine, verifyDeps, accounts, domains, migrations } = service
  const { kysely } = database
  const keyring = await service.keyring()
  const all = copyingHosts(kysely)
  const worker: Worker = {
    id: randomUUID(),
    host: hostname(),
    copyingHost: copyingHostIn(engine.stateFolder, engine.stateSetting),
    takesOver,
    early,
    by,
  }
  await removeStale()
  const sessions = proxiedSessions(settings.doveadm)
  const serving = await all.serve(worker, engine.stateFolder, async () => {
    const chosen = await engine.byDefault()
    return { ...chosen, cannotFlip: chosen.engine === 'doveadm' ? await whyNone(sessions) : chosen.why }
  })
  const bytesRead = new BytesRead(sourceBytes(kysely))
  return {
    jobDeps: {
      worker,
      jobs: jobs(kysely),
      statusCheck,
      keepConnection,
      meterSource,
      bytesRead,
      engine,
      flipping: {
        flips: flips(kysely, `sync on ${worker.host}`),
        sessions,
      },
      keyring,
      proof: ledgerProof(verifyDeps, worker.id),
      digests: verifyDeps.digests,
      totals: copiedTotals(kysely),
      room: roomBeside(settings.keptFree, [engine.stateFolder, settings.dataDir]),
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
    watchSchema: database.watchSchema,
    listen: (onDue) => database.listen('postferry_jobs', onDue),
    async [Symbol.asyncDispose]() {
      await bytesRead[Symbol.asyncDispose]()
      await serving[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}
