import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { type Watcher, work } from '../../../src/copying/worker.ts'
import { type Database, openDatabase } from '../../../src/db/connection/database.ts'
import { addUnchangedPeople, workerOf } from '../../support/unchanged-source.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'
import { median } from '../turns.ts'

const WORKERS = 4
const SLOTS = 2
const PEOPLE = 500

export const claims: Row = {
  name: 'claims',
  about: 'jobs that four workers claim and end, without asking the source',
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
      await addUnchangedPeople(first, PEOPLE)
      const rates: number[] = []
      for (let round = 0; round < rounds; round++) rates.push(await rate(databases))
      return [aloneLine('jobs claimed and ended, four workers', `${rounded(median(rates))}/s`, '–', true)]
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
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
  await Promise.all(databases.map((database) => work(workerOf(database), watcher, options)))
  if (ended !== PEOPLE) throw new Error(`${ended} jobs of ${PEOPLE}`)
  return ended / ((performance.now() - start) / 1000)
}
