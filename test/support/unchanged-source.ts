import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Flips } from '../../src/copying/flip-ports.ts'
import type { Worker } from '../../src/copying/ports.ts'
import type { JobDeps } from '../../src/copying/run-job.ts'
import type { WorkDeps } from '../../src/copying/worker.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { shares } from '../../src/db/connection-shares.ts'
import { copyingHosts } from '../../src/db/copying-hosts.ts'
import { jobs } from '../../src/db/jobs.ts'
import { openBudget } from '../../src/source/budget.ts'
import { LEASE_MS } from '../../src/source/connection-share.ts'

/** A worker whose source never changes and is never asked: each job ends with "unchanged" after its status check. */
export function workerOf({ listen, kysely }: Database, check: () => Promise<unknown> = async () => undefined) {
  const worker: Worker = { id: randomUUID(), host: 'host', copyingHost: 'here', takesOver: false, early: false }
  const unused = () => {
    throw new Error('nothing is read here')
  }
  const never = () => Promise.reject(new Error('nothing is copied here'))
  const jobDeps: JobDeps = {
    ...{ worker, jobs: jobs(kysely), limitMs: 60_000, now: () => new Date(), chance: () => 0.5 },
    keepConnection: () => ({ [Symbol.asyncDispose]: async () => undefined }),
    meterSource: () => ({ [Symbol.dispose]: () => undefined }),
    bytesRead: { today: async () => 0, take: () => undefined },
    statusCheck: {
      async check() {
        await check()
        return { kind: 'yes', mailboxes: [] }
      },
    },
    keyring: { open: async ({ address }) => ({ credential: { address, provider: null, username: '', password: '' } }) },
    engine: {
      ...{
        choose: async () => 'doveadm' as const,
        remembers: () => true,
        remember: unused,
        run: never,
        forget: unused,
        release: never,
      },
      ...{
        openFlip: never,
        openLastCopy: never,
        moveBack: never,
        mergeBefore: never,
        carryFilters: never,
        openReturn: never,
        leave: never,
      },
      ...{ whyNoFilters: never, forgetReturn: unused },
    },
    flipping: { flips: {} as Flips, sessions: { end: never, endHere: never, check: never } },
    proof: { flaw: never },
    totals: { add: never },
    digests: { open: unused, remove: () => undefined },
    room: { left: () => Number.POSITIVE_INFINITY },
  }
  const deps: WorkDeps = {
    jobDeps,
    budget: openBudget(shares(kysely, randomUUID(), LEASE_MS)),
    copyingHosts: copyingHosts(kysely),
    listen: (onDue) => listen('postferry_jobs', onDue),
  }
  return deps
}

/** So many people who were copied completely, each with a job that is due now. */
export async function addUnchangedPeople({ kysely }: Database, count: number): Promise<void> {
  await sql`
    with p as (insert into provider (name, host, port, tls, max_connections, login_name, cutover)
      values ('old', 'h', 1, 'none', 1000, '%u', 'immediate') returning id),
    a as (insert into account (address, password_hash, password_source, home)
      select 'p' || n || '@new.example', '', 'source', '/nowhere/' || n from generate_series(1, ${count}::int) n
      returning id, address),
    m as (insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
      select a.id, a.address, p.id, 'old.example', a.address, 'synced', 'destination' from a, p returning id, address),
    l as (insert into ledger (migration_id, taken_at, seconds, fetched) select id, now(), 0, 0 from m)
    insert into credential (migration_id, sealed) select id, convert_to(address, 'utf8') from m`.execute(kysely)
  await sql`update job set seen = '[]', completed_at = now()`.execute(kysely)
}
