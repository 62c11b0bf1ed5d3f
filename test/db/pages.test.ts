import { sql } from 'kysely'
import t from 'tap'
import { audit } from '../../src/db/audit.ts'
import type { Database } from '../../src/db/connection/database.ts'
import { migrations } from '../../src/db/migrations.ts'
import { providers } from '../../src/db/providers.ts'
import type { Migration } from '../../src/model/migration.ts'
import { MIGRATION_SORTS, type MigrationSort, type Page, type PageRequest } from '../../src/operations/ports.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

const COUNT = 60
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  const db = database.kysely
  // Numbered otherwise than they are called.
  for (const name of ['zeta', 'empty', 'alpha']) await providers(db).add({ ...PROVIDER, name }, BY)
  await sql`insert into migration
      (address, provider_id, old_domain, old_username, state, code, route, home, finish_requested_at, changed_at)
    select lpad((n * 37 % ${COUNT})::text, 3, '0') || '@old.example', case when n % 3 = 0 then 1 else 3 end, 'old.example',
      'u' || n, (array['pending', 'synced', 'failed'])[1 + n % 3], case n % 3 when 2 then 'code-' || n % 4 end, 'destination', '/h/' || n,
      case when n % 9 = 0 then now() end, '2026-11-01Z'::timestamptz + n % 7 * interval '1 microsecond'
    from generate_series(1, ${COUNT}::int) as n`.execute(db)
})
t.after(() => database[Symbol.asyncDispose]())

const pageOf = (request: Parameters<ReturnType<typeof migrations>['page']>[0]) =>
  migrations(database.kysely).page(request)
const byText = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

const KEYS: Record<MigrationSort, (migration: Migration) => string> = {
  address: () => '',
  state: ({ state }) => state,
  provider: ({ provider }) => provider,
  code: ({ code }) => code ?? '',
  created_at: ({ id }) => id.padStart(9, '0'),
  // In microseconds, as it was made.
  changed_at: ({ oldUsername }) => String(Number(oldUsername.slice(1)) % 7),
}

/** All pages from one end of a list to the other. */
async function walk<T>(
  read: (request: PageRequest) => Promise<Page<T>>,
  limit: number,
  towards: 'after' | 'before',
  from: string | undefined = undefined,
): Promise<T[][]> {
  const pages: T[][] = []
  for (let cursor: string | null | undefined = from; cursor !== null; ) {
    const page: Page<T> = await read({ limit, ...(cursor !== undefined && { [towards]: cursor }) })
    pages.push([...page.rows])
    cursor = page[towards]
  }
  return pages
}

t.test('page after page everybody comes once, in any order, forwards and backwards', async (t) => {
  const { rows: everybody } = await pageOf({ limit: COUNT })
  t.equal(everybody.length, COUNT)
  for (const sort of MIGRATION_SORTS) {
    for (const descending of [false, true]) {
      const key = KEYS[sort]
      const order = everybody.toSorted(
        (one, other) => byText(key(one), key(other)) || byText(one.address, other.address),
      )
      const expected = addresses(descending ? order.toReversed() : order)
      const read = (request: PageRequest) => pageOf({ ...request, sort, descending })
      const forwards = await walk(read, 7, 'after')
      t.same(addresses(forwards.flat()), expected, `by ${sort}, descending ${descending}`)
      t.same(
        forwards.map((page) => page.length),
        [7, 7, 7, 7, 7, 7, 7, 7, 4],
      )
      const last = (await read({ limit: COUNT - 1 })).after ?? ''
      const backwards = await walk(read, 7, 'before', last)
      t.same(addresses(backwards.toReversed().flat()), expected.slice(0, COUNT - 2), `by ${sort}, backwards`)
    }
  }
})

t.test('numbers in addresses are in their order', async (t) => {
  const names = ['anna', 'anna2', 'anna02', 'anna10', 'anna10.b9', 'anna10.b10', 'anna491701234567', 'anna.b', 'annab']
  const all = ['old', 'zold'].flatMap((domain) => names.map((name) => `${name}@${domain}.natural`))
  await sql`insert into migration (address, provider_id, old_domain, old_username, state, code, route, home)
    select address, 1, 'old.natural', address, 'failed', 'natural', 'destination', '/h/' || address
      from unnest(${all.toSorted()}::text[]) as address`.execute(database.kysely)
  const expected = [
    ...['anna@old', 'anna@zold', 'anna.b@old', 'anna.b@zold', 'anna02@old', 'anna2@old', 'anna02@zold', 'anna2@zold'],
    ...['anna10@old', 'anna10@zold', 'anna10.b9@old', 'anna10.b9@zold', 'anna10.b10@old', 'anna10.b10@zold'],
    ...['anna491701234567@old', 'anna491701234567@zold', 'annab@old', 'annab@zold'],
  ].map((name) => `${name}.natural`)
  for (const sort of ['address', 'state', 'code', 'provider'] as const) {
    const read = (request: PageRequest) => pageOf({ ...request, sort, filter: { domain: 'old.natural' } })
    t.same(addresses((await walk(read, 5, 'after')).flat()), expected, sort)
  }
  await sql`delete from migration where old_domain = 'old.natural'`.execute(database.kysely)
})

t.test('a search of few and one of many tell the same pages', async (t) => {
  await sql`insert into migration (address, provider_id, old_domain, old_username, state, route)
    select 'm' || n || '@many.natural', 1, 'many.natural', case n % 100 when 0 then 'Rare ' || n else 'v' || n end, 'awaited',
      'destination' from generate_series(1, 2500) as n`.execute(database.kysely)
  const found = async (search: string) => {
    const read = (request: PageRequest) => pageOf({ ...request, filter: { search } })
    const forwards = addresses((await walk(read, 900, 'after')).flat())
    t.equal(await migrations(database.kysely).count({ search }), forwards.length)
    return forwards
  }
  const many = Array.from({ length: 2_500 }, (_, at) => `m${at + 1}@many.natural`)
  t.same(await found('many.natural'), many)
  t.same(
    await found('rare'),
    many.filter((_, at) => at % 100 === 99),
  )
  t.same(await found('RARE 2500'), ['m2500@many.natural'])
  await sql`delete from migration where old_domain = 'many.natural'`.execute(database.kysely)
})

t.test('a page tells whether there is more on either side', async (t) => {
  const first = await pageOf({ limit: 20 })
  t.match(first, { before: null, after: String })
  const second = await pageOf({ limit: 20, after: first.after ?? '' })
  t.match(second, { before: String, after: String })
  const third = await pageOf({ limit: 20, after: second.after ?? '' })
  t.match(third, { before: String, after: null })
  t.same(await pageOf({ limit: 20, before: second.before ?? '' }), first)
  t.match(await pageOf({ limit: COUNT }), { before: null, after: null })
  t.same(await pageOf({ filter: { search: 'nobody' }, limit: 20 }), { rows: [], before: null, after: null })
})

t.test('a filter holds on every page, whatever the order, and those who match are counted', async (t) => {
  const filters = [{ state: 'failed' }, { provider: 'alpha' }, { code: 'code-1' }, { isFinishRequested: true }] as const
  for (const filter of filters) {
    const matching = addresses((await pageOf({ filter, limit: COUNT })).rows)
    t.ok(matching.length > 3 && matching.length < COUNT)
    t.equal(await migrations(database.kysely).count(filter), matching.length)
    for (const sort of MIGRATION_SORTS) {
      const pages = await walk((request) => pageOf({ ...request, filter, sort, descending: true }), 3, 'after')
      t.same(addresses(pages.flat()).sort(), matching, `${JSON.stringify(filter)} by ${sort}`)
    }
  }
})

t.test('the cursor holds when the row that it was taken at is gone', async (t) => {
  const { rows, after } = await pageOf({ limit: 10, sort: 'state' })
  const last = rows.at(-1)?.address ?? ''
  const next = await pageOf({ limit: 10, sort: 'state', after: after ?? '' })
  await sql`delete from migration where address = ${last}`.execute(database.kysely)
  t.same((await pageOf({ limit: 10, sort: 'state', after: after ?? '' })).rows, next.rows)
})

t.test('a cursor that no page has told is refused', async (t) => {
  const made = (cursor: unknown) => Buffer.from(JSON.stringify(cursor)).toString('base64url')
  const byAddress = (await pageOf({ limit: 5 })).after ?? ''
  for (const [sort, after] of [
    ['address', ''],
    ['address', 'nonsense'],
    ['address', made(['', 'a\0b'])],
    ['address', made(null)],
    ['provider', made(['old'])],
    ['created_at', byAddress],
    ['created_at', made(['1 or 1=1', 'a'])],
    ['changed_at', made(['99999999999999999', 'a'])],
    ['changed_at', made(['yesterday', 'a'])],
  ] as const) {
    await t.rejects(pageOf({ limit: 5, sort, after }), { message: /no such cursor/ }, `${sort} ${after}`)
  }
})

t.test('the audit is read page by page, the newest first, by whom and what', async (t) => {
  await sql`truncate audit`.execute(database.kysely)
  const notes = audit(database.kysely)
  for (let number = 0; number < 25; number++) {
    const [actor, action] = [
      number % 2 === 0 ? 'cli:root' : 'admin:eve',
      number % 5 === 0 ? 'migration.pause' : 'other',
    ]
    await notes.record(`s${number}`, { actor, action, reason: null })
  }
  const subjects = (pages: { subject: string }[][]) => pages.flat().map(({ subject }) => subject)
  const newest = Array.from({ length: 25 }, (_, at) => `s${24 - at}`)
  t.same(subjects(await walk((request) => notes.page(request), 10, 'after')), newest)
  const { after } = await notes.page({ limit: 20 })
  t.same(
    (await walk((request) => notes.page(request), 8, 'before', after ?? '')).map(({ length }) => length),
    [8, 8, 3],
  )
  const of = async (filter: { actor?: string; action?: string; since?: Date }) =>
    subjects(await walk((request) => notes.page({ ...request, filter }), 2, 'after'))
  t.same(await of({ actor: 'cli:root', action: 'migration.pause' }), ['s20', 's10', 's0'])
  t.equal((await of({ actor: 'admin:eve' })).length, 12)
  t.same(await of({ since: new Date(Date.now() + 60_000) }), [])
  await t.rejects(notes.page({ limit: 2, after: '1; drop table audit' }), { message: /no such cursor/ })
})

function addresses(rows: readonly { readonly address: string }[]): string[] {
  return rows.map(({ address }) => address)
}

t.end()
