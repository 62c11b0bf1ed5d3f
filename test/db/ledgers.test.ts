import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { ledgers } from '../../src/db/ledgers.ts'
import type { Saved } from '../../src/ledger/ports.ts'
import { type Difference, type Ledger, type LedgerFolder, noCounts } from '../../src/model/ledger.ts'
import { openTestDatabase } from '../support/database.ts'

let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await sql`
    with p as (insert into provider (name, host, port, tls, max_connections, login_name, cutover)
      values ('old', 'h', 1, 'none', 1, '%u', 'immediate') returning id),
    a as (insert into account (address, password_hash, password_source, home)
      select 'a' || n || '@new.example', '', 'source', '/nowhere/' || n from generate_series(1, 2) n returning id, address)
    insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
    select a.id, a.address, p.id, 'old.example', a.address, 'pending', 'destination' from a, p`.execute(database.kysely)
})
t.after(() => database[Symbol.asyncDispose]())

const folder = (name: string, more: Partial<LedgerFolder> = {}): LedgerFolder => ({
  ...{ name, directory: `.${name}`, state: 'there', remark: null, messages: 3, proved: 2, extra: 1, duplicated: 0 },
  ...{
    counts: { ...noCounts(), missing: 1 },
    uidValidity: 4_294_967_295,
    provedUids: '1:2',
    lostUids: '3',
    acceptedUids: '',
  },
  acceptedUnlisted: 2,
  ...more,
})
const difference = (uid: number | null): Difference => ({
  ...{ kind: 'missing', folder: 'a', uid, messageId: '<x>', date: new Date(-1000), size: 5_000_000_000 },
  ...{ old: 'here', now: 'nowhere' },
})
const ledger = (more: Partial<Ledger> = {}): Ledger => ({
  ...{ takenAt: new Date(), seconds: 1.5, code: null, folders: [folder('a')], fetched: 7, differences: [] },
  ...more,
})

/** Saves it as the next one. */
async function save(id: string, next: Ledger, holder: string | null = null): Promise<Saved> {
  const kept = ledgers(database.kysely)
  const { takenAt: after } = await kept.last(id)
  return await kept.save(id, next, { after, holder })
}

t.test('a ledger comes back as it was saved, whatever it holds', async (t) => {
  const kept = ledgers(database.kysely)
  t.equal(await kept.find('1'), null)
  t.same(await kept.last('1'), { takenAt: null, folders: [] })
  const odd = folder('"\'\\\u0001\ud800', { state: 'unreadable', remark: 'NO "\u0007"', uidValidity: null })
  const folders = [folder('Z'), folder('a'), ...Array.from({ length: 2_500 }, (_, at) => folder(`b${at + 1_000}`))]
  const differences = Array.from({ length: 3_000 }, (_, at) => ({
    ...difference(at === 0 ? null : at),
    date: at % 2 ? new Date(0) : null,
  }))
  const whole = ledger({ code: 'differs', folders, differences })
  await save('1', whole)
  const found = await kept.find('1')
  const byName = (all: readonly LedgerFolder[]) => all.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  t.strictSame({ ...found, folders: byName(found?.folders ?? []) }, { ...whole, folders: byName(folders) })
  await save('1', ledger({ folders: [odd] }))
  const again = await kept.last('1')
  t.match(again.folders[0], { ...odd, name: '"\'\\\u0001\ufffd', directory: '."\'\\\u0001\ufffd' })
})

t.test('a new ledger replaces the old one of its migration alone, and the last clean moment is kept', async (t) => {
  const kept = ledgers(database.kysely)
  const clean = ledger({ takenAt: new Date('2030-01-01') })
  await save('1', clean)
  await save('2', ledger({ fetched: 1 }))
  await save('1', ledger({ code: 'shrunk', differences: [difference(1)], folders: [folder('c')] }))
  t.match(await kept.find('1'), { code: 'shrunk', folders: [{ name: 'c' }], differences: { length: 1 } })
  t.match(await kept.find('2'), { code: null, fetched: 1 })
  const { rows } = await sql<{ clean_at: Date }>`select clean_at from ledger where migration_id = 1`.execute(
    database.kysely,
  )
  t.same(rows[0]?.clean_at, clean.takenAt)
  await sql`delete from migration where id = 1`.execute(database.kysely)
  t.equal(await kept.find('1'), null)
})

t.test('a ledger that goes on from another than the last is not saved', async (t) => {
  const kept = ledgers(database.kysely)
  const { takenAt: after } = await kept.last('2')
  const [one, other] = [ledger({ takenAt: new Date('2031-01-01') }), ledger({ takenAt: new Date('2031-01-02') })]
  const both = await Promise.all([one, other].map((next) => kept.save('2', next, { after, holder: null })))
  t.same(both.sort(), ['overtaken', 'saved'])
  t.equal(await kept.save('2', ledger(), { after: null, holder: null }), 'overtaken')
  t.equal(await save('2', one), 'saved')
})

t.test('a worker saves a ledger only while it holds the lease, and nobody for a finished migration', async (t) => {
  const [mine, others] = [randomUUID(), randomUUID()]
  const lease = (holder: string) =>
    sql`update job set holder = ${holder}, leased_until = now() where migration_id = 2`.execute(database.kysely)
  const before = await ledgers(database.kysely).last('2')
  await lease(others)
  t.equal(await save('2', ledger({ code: 'differs' }), mine), 'too-late')
  t.same(await ledgers(database.kysely).last('2'), before)
  await lease(mine)
  t.equal(await save('2', ledger({ takenAt: new Date('2032-01-01') }), mine), 'saved')
  await sql`update migration set state = 'done' where id = 2`.execute(database.kysely)
  t.equal(await save('2', ledger({ code: 'differs' }), mine), 'too-late')
  t.equal(await save('2', ledger({ code: 'differs' })), 'too-late')
  t.equal(await save('99', ledger()), 'too-late')
  t.match(await ledgers(database.kysely).find('2'), { code: null, takenAt: new Date('2032-01-01') })
})

t.end()
