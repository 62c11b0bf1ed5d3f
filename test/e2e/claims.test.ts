import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import t from 'tap'
import type { Job, Worker } from '../../src/copying/ports.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { jobs } from '../../src/db/jobs.ts'
import type { DB } from '../../src/db/schema.ts'
import { openTestDatabase } from '../support/database.ts'

const PROVIDERS = 100
const BIG = 50_000
const SMALL = 10
/** Of each other provider. */
const OTHERS = 510

const worker: Worker = { id: randomUUID(), host: 'host', copyingHost: 'here', takesOver: false, early: false }
let database: Database
let db: Kysely<DB>

t.before(async () => {
  database = await openTestDatabase()
  db = database.kysely
  await sql`insert into provider (name, host, port, tls, max_connections, login_name, cutover)
    select case n when 1 then 'big' when 2 then 'small' else 'other' || n end, 'h', 1, 'none', 100, '%u', 'immediate'
      from generate_series(1, ${PROVIDERS}::int) as n`.execute(db)
  await sql`insert into migration (address, provider_id, old_domain, old_username, state, route, home)
    select n || '@' || name || '.example', id, 'old.example', n, 'synced', 'destination', '/' || name || '/' || n
      from provider cross join lateral generate_series(
        1, case name when 'big' then ${BIG}::int when 'small' then ${SMALL}::int else ${OTHERS}::int end
      ) as n`.execute(db)
  await sql`insert into copying_host (id, host, folder) values ('here', 'host', '/here'), ('there', 'host', '/there')`.execute(
    db,
  )
  await everybodyDue()
})
t.after(() => database[Symbol.asyncDispose]())

/** Nobody is copied, and those of the big provider have waited longest. */
async function everybodyDue(): Promise<void> {
  await sql`update job set holder = null, leased_until = null, copying_host_id = 'here', due_at = now() - case
      when provider_id = (select id from provider where name = 'big') then interval '2 hours' else interval '1 hour' end
    `.execute(db)
  await sql`vacuum analyze job`.execute(db)
}

/** What the next slot that is free would claim. */
async function claimNext(connection = db, by = worker): Promise<Job | null> {
  const all = jobs(connection)
  for (const provider of await all.providers(by)) {
    const job = await all.claim(by, { provider })
    if (job !== null) return job
  }
  return null
}

t.test('ten people of a small provider do not wait for fifty thousand of another, far below both limits', async (t) => {
  const claimed: string[] = []
  await sql`update job set due_at = now() + interval '1 hour'
    from provider where provider.id = provider_id and name like 'other%'`.execute(db)
  for (let slot = 0; slot < 2 * SMALL; slot++) claimed.push((await claimNext())?.order.provider.name ?? '')
  t.equal(claimed.filter((name) => name === 'small').length, SMALL)
})

t.test('a claim among 100,000 due jobs reads a few rows, however many of them may not be claimed', async (t) => {
  const scenarios: Record<string, { arrange(): Promise<unknown>; by?: Worker; finds: boolean }> = {
    'all may be claimed': { arrange: async () => undefined, finds: true },
    'nobody was copied yet': {
      arrange: () => sql`update job set copying_host_id = null`.execute(db),
      finds: true,
    },
    'all but one provider are at their limits': {
      arrange: () =>
        sql`
        update job set holder = gen_random_uuid(), leased_until = now() + interval '1 hour'
          from (
            select migration_id, row_number() over (partition by provider_id order by due_at) as number from job
          ) as numbered
          where numbered.migration_id = job.migration_id and number <= 75
            and provider_id <> (select id from provider where name = 'small')`.execute(db),
      finds: true,
    },
    'all but one provider are outside of their windows': {
      arrange: () =>
        sql`
        update provider set window_from = to_char(now() at time zone 'UTC' + interval '1 hour', 'HH24:MI'),
            window_until = to_char(now() at time zone 'UTC' + interval '2 hours', 'HH24:MI'), window_zone = 'UTC'
          where name <> 'small'`.execute(db),
      finds: true,
    },
    'all but one belong to another copying host': {
      arrange: () =>
        sql`
        update job set copying_host_id = 'there' where migration_id <> (select max(migration_id) from job)`.execute(db),
      finds: true,
    },
    'all belong to another copying host': {
      arrange: () => sql`update job set copying_host_id = 'there'`.execute(db),
      finds: false,
    },
    'all belong to a copying host that is taken over from': {
      arrange: () => sql`update job set copying_host_id = 'there'`.execute(db),
      by: { ...worker, takesOver: true },
      finds: true,
    },
  }
  for (const [what, { arrange, by = worker, finds }] of Object.entries(scenarios)) {
    await everybodyDue()
    await arrange()
    await sql`analyze job`.execute(db)
    const { found, scans, rows } = await readBy((connection) => claimNext(connection, by))
    t.equal(found !== null, finds, what)
    t.equal(scans, 0, `${what}: the table is not read from end to end`)
    // Of each provider those that are leased, and the next of it.
    t.ok(rows < 100 * 100, `${what}: ${rows} rows`)
    await sql`update provider set window_from = null, window_until = null, window_zone = null`.execute(db)
  }
})

/** What some work reads of the table of jobs on its connection. */
async function readBy<T>(work: (connection: Kysely<DB>) => Promise<T>) {
  return await db.connection().execute(async (connection) => {
    const before = await counted(connection)
    const found = await work(connection)
    const after = await counted(connection)
    return { found, scans: after.scans - before.scans, rows: after.rows - before.rows }
  })
}

async function counted(connection: Kysely<DB>): Promise<{ scans: number; rows: number }> {
  await sql`select pg_stat_force_next_flush()`.execute(connection)
  const { rows } = await sql<{ scans: number; rows: number }>`
    select seq_scan::int as scans, idx_tup_fetch::int as rows from pg_stat_user_tables where relname = 'job'`.execute(
    connection,
  )
  return rows[0] ?? { scans: 0, rows: 0 }
}

t.end()
