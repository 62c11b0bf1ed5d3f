import t from 'tap'
import type { JobReport } from '../../src/copying/run-job.ts'
import { work } from '../../src/copying/worker.ts'
import { openDatabase } from '../../src/db/connection/database.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { addUnchangedPeople, workerOf } from '../support/unchanged-source.ts'
import { until } from '../support/until.ts'

const PEOPLE = 200
const WORKERS = 4

t.test('when the database restarts while workers claim and end jobs, they go on, and each job ends', async (t) => {
  await using all = new AsyncDisposableStack()
  const postgres = all.use(await startDebianPostgres())
  const databases = await Promise.all(
    Array.from({ length: WORKERS }, async () =>
      all.use(await openDatabase({ databaseUrl: postgres.url, dataDir: '/nowhere' })),
    ),
  )
  await databases[0]?.ready()
  await addUnchangedPeople(databases[0] as (typeof databases)[number], PEOPLE)
  const seen = { ended: 0, troubles: 0 }
  const watcher = {
    ended({ ending }: JobReport) {
      if (ending === 'unchanged') seen.ended++
    },
    trouble: () => seen.troubles++,
    ...{ begun: () => undefined, message: () => undefined, counted: () => undefined, stranded: () => undefined },
  }
  const stop = new AbortController()
  // As long as a look at a source near by.
  const check = () => new Promise((resolve) => setTimeout(resolve, 5))
  const ends = databases.map((database) =>
    work(workerOf(database, check), watcher, { slots: 4, once: false, stop: stop.signal }),
  )
  await until(() => seen.ended >= PEOPLE / 4, 'some jobs have ended')
  await postgres.stop()
  const before = seen.ended
  await until(() => seen.troubles > 0, 'the workers find that it is away')
  await postgres.start()
  await until(() => seen.ended > before, 'they claim again')
  // Whom the restart cut off keeps a lease for half a minute.
  await postgres.query(
    `update job set leased_until = now() where holder is not null and claimed_at < pg_postmaster_start_time()`,
  )
  const left = async () =>
    (await postgres.query('select from job where due_at <= now() or holder is not null')).rowCount ?? 0
  await until(async () => (await left()) === 0, 'every job has ended')
  stop.abort()
  await Promise.all(ends)
  t.ok(seen.ended <= PEOPLE, `${seen.ended} ends: none was written twice`)
  const { rows } = await postgres.query('select count(*)::int as count from job where unchanged_runs = 1')
  t.same(rows, [{ count: PEOPLE }], 'each has ended once')
})

t.end()
