import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../../../src/db/database.ts'
import { turns } from '../../../src/db/turns.ts'
import { advance } from '../../../src/policy/advance.ts'
import type { Worker } from '../../../src/policy/copying.ts'
import type { Line, Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'
import { median } from '../turns.ts'

const WORKERS = 4
const PEOPLE = 500

export const claims: Row = {
  name: 'claims',
  about: 'turns that four workers take and end, without copying',
  async measure({ rounds }): Promise<Line[]> {
    const dataDir = mkdtempSync(join(tmpdir(), 'mailferry-claims-'))
    try {
      await using opened = new AsyncDisposableStack()
      const databases: Database[] = []
      for (let number = 0; number < WORKERS; number++) {
        const database = opened.use(await openDatabase({ databaseUrl: null, dataDir }))
        await database.ready()
        databases.push(database)
      }
      await fill(databases[0] as Database)
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
      select 'p' || n || '@new.example', '', 'old', '/nowhere' from generate_series(1, ${PEOPLE}) n
      returning id, address)
    insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
    select a.id, a.address, p.id, 'old.example', a.address, 'synced', 'new' from a, p`.execute(kysely)
}

async function rate(databases: readonly Database[]): Promise<number> {
  await sql`update turn set due_at = now()`.execute((databases[0] as Database).kysely)
  const start = performance.now()
  const taken = await Promise.all(databases.map(takeAll))
  const all = taken.reduce((sum, count) => sum + count, 0)
  if (all !== PEOPLE) throw new Error(`${all} turns of ${PEOPLE}`)
  return all / ((performance.now() - start) / 1000)
}

async function takeAll({ kysely }: Database): Promise<number> {
  const worker: Worker = { id: randomUUID(), host: 'bench', place: 'here', adopts: false, early: false }
  const all = turns(kysely)
  let count = 0
  for (;;) {
    const due = await all.due(worker, 20)
    if (due.length === 0) return count
    for (const id of due) {
      const turn = await all.take(id, worker)
      if (turn === null) continue
      await all.end(turn, worker, { plan: advance(turn, 'unchanged', 0.5), attempt: null, seen: null })
      count++
    }
  }
}
