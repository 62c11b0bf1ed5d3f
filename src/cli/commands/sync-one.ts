import { Leases } from '../../copying/leases.ts'
import type { JobReport } from '../../copying/run-job.ts'
import type { WorkerDeps } from '../../copying/worker-deps.ts'
import type { Migration } from '../../model/migration.ts'
import { STRANDED_STEP } from '../../operations/next-steps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'

export const ATTEMPT_LIMIT_MINUTES = 120
/** So long a connection to the source is waited for. */
const CONNECTION_LIMIT_MS = 60_000

/** Runs the job of one person now. @throws Failure when it cannot be claimed */
export async function oneJob(
  { jobDeps, budget, copyingHosts }: Pick<WorkerDeps, 'jobDeps' | 'budget' | 'copyingHosts'>,
  { id, address, provider }: Pick<Migration, 'id' | 'address' | 'provider'>,
  stop: AbortSignal,
  onMessage: () => void,
): Promise<JobReport> {
  using connection = await budget.take(provider, 'copying', { limitMs: CONNECTION_LIMIT_MS, signal: stop })
  if (connection === null) {
    const why = `all connections to ${provider} that copying may have are in use`
    throw new Failure(EXIT.tempfail, `${address} cannot be copied now: ${why}`)
  }
  using leases = new Leases(jobDeps)
  const leased = await leases.claim({ migrationId: id })
  if (leased === null) {
    const copied = await copyingHosts.of(id)
    const why =
      copied === null || copied.id === jobDeps.worker.copyingHost
        ? 'somebody else is copying it'
        : `its sync state is elsewhere (${copied.host}, ${copied.folder}): ${STRANDED_STEP}`
    throw new Failure(EXIT.tempfail, `${address} cannot be copied now: ${why}`)
  }
  stop.addEventListener('abort', () => leases.stop())
  return await leases.run(leased, connection, { onMessage })
}
