import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Worker } from '../../../src/copying/ports.ts'
import type { JobDeps } from '../../../src/copying/run-job.ts'
import { type Watcher, work } from '../../../src/copying/worker.ts'
import type { CopyingHouse } from '../../../src/copying/worker-deps.ts'
import { type Database, openDatabase } from '../../../src/db/connection/database.ts'
import { shares } from '../../../src/db/connection-shares.ts'
import { copyingHosts } from '../../../src/db/copying-hosts.ts'
import { jobs } from '../../../src/db/jobs.ts'
import { openQueue, upgradeQueue } from '../../../src/db/queue.ts'
import { openBudget } from '../../../src/source/budget.ts'
import { LEASE_MS } from '../../../src/source/connection-share.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'
import { median } from '../turns.ts'

const WORKERS = 4
const SLOTS = 2
const PEOPLE = 500

export const claims: Row = {
  name: 'claims',
  about: 'turns that four workers take and end, without asking the source',
  async measure({ rounds }): Promise<Line[]> {
    const dataDir = mkdtempSync(join(tmpdir(), 'postferry-claims-'))
    try {
      await using opened = new AsyncDisposableStack()
      const databases: Database[] = []
      for (let number = 0; number < WORKERS; number++) {
        const database = opened.use(await openDatabase({ databaseUrl: null, dataDir }))
        await database.ready()
        databases.push(database)
      }
      const [first] = databases as [Database]
      await upgradeQueue(first.pool)
      await fill(first)
      const rates: number[] = []
      for (let round = 0; round < rounds; round++) rates.push(await rate(databases))
      return [aloneLine('turns taken and ended, four workers', `${rounded(median(rates))}/s`, '–', true)]
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
}

async function fill({ kysely }: Database): Promise<void> {
  await sql`
    with p as (insert into provider (name, host, port, tls, max_connections, login_name, cutover)
      values ('old', 'h', 1, 'none', 1000, '%u', 'immediate') returning id),
    a as (insert into account (address, password_hash, password_source, home)
      select 'p' || n || '@new.example', '', 'old', '/nowhere/' || n from generate_series(1, ${PEOPLE}) n
      returning id, address),
    m as (insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
      select a.id, a.address, p.id, 'old.example', a.address, 'synced', 'new' from a, p returning id, address)
    insert into credential (migration_id, sealed) select id, convert_to(address, 'utf8') from m`.execute(kysely)
  await sql`update job set seen = '[]', completed_at = now()`.execute(kysely)
}

async function rate(databases: readonly Database[]): Promise<number> {
  await sql`update job set due_at = now()`.execute((databases[0] as Database).kysely)
  let ended = 0
  const watcher: Watcher = {
    ...{ begun: () => undefined, message: () => undefined, counted: () => undefined, stranded: () => undefined },
    ended({ ending }) {
      if (ending === 'unchanged') ended++
    },
    trouble(error) {
      throw error
    },
  }
  const start = performance.now()
  const options = { slots: SLOTS, once: true, stop: new AbortController().signal }
  await Promise.all(databases.map((database) => work(houseOf(database), watcher, options)))
  if (ended !== PEOPLE) throw new Error(`${ended} turns of ${PEOPLE}`)
  return ended / ((performance.now() - start) / 1000)
}

/** A worker for whom the source is always as it was. */
function houseOf({ pool, kysely }: Database): Pick<CopyingHouse, 'deps' | 'budget' | 'copyingHosts' | 'openQueue'> {
  const worker: Worker = { id: randomUUID(), host: 'bench', copyingHost: 'here', takesOver: false, early: false }
  const unused = () => {
    throw new Error('nothing is read here')
  }
  const never = () => Promise.reject(new Error('nothing is copied here'))
  const deps: JobDeps = {
    ...{ worker, jobs: jobs(kysely), limitMs: 60_000, now: () => new Date(), chance: () => 0.5 },
    looks: { look: async () => ({ kind: 'yes', mailboxes: [] }) },
    keyring: { open: async ({ address }) => ({ credential: { address, provider: null, username: '', password: '' } }) },
    engine: { remembers: () => true, run: never, forget: unused },
    proof: { flaw: never },
    digests: { open: unused, remove: () => undefined },
    room: { left: () => Number.POSITIVE_INFINITY },
  }
  const budget = openBudget(shares(kysely, LEASE_MS))
  return {
    ...{ deps, budget, copyingHosts: copyingHosts(kysely) },
    openQueue: (slots, awake) => openQueue(pool, worker, slots, awake),
  }
}
