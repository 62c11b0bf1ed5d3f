import { type Kysely, sql, type Transaction } from 'kysely'
import type { By } from '../model/audit.ts'
import { Refused } from '../model/refused.ts'
import type { Gathering, ImportedPerson, Imports, Standing } from '../operations/ports.ts'
import { isUniqueViolation } from './connection/errors.ts'
import type { DB } from './schema.ts'

// One statement for many more would be silent for so long that its connection is taken for a dead one.
const BATCH = 5_000

/** People gather in a table that only this connection sees, and that is gone with it. */
export function imports(db: Kysely<DB>): Imports {
  let isRunning = false
  return {
    async gather(work) {
      // Each import holds a connection to the database, and sign-ins need some too.
      if (isRunning) throw new Refused('conflict', 'another import is running: try again when it is over')
      isRunning = true
      try {
        return await db.connection().execute((connection) => gatherOn(connection, work))
      } finally {
        isRunning = false
      }
    },
  }
}

async function gatherOn<T>(connection: Kysely<DB>, work: (gathering: Gathering) => Promise<T>): Promise<T> {
  await sql`create temporary table import_line (
          number bigint not null, address text primary key, old_domain text not null, old_username text not null,
          provider text not null, home text not null, sealed bytea, sealed_to text[], quota_bytes bigint,
          taken boolean not null
        )`.execute(connection)
  await sql`create index on import_line (old_username)`.execute(connection)
  await sql`create index on import_line (home)`.execute(connection)
  try {
    return await work(gathering(connection))
  } finally {
    await sql`drop table import_line`.execute(connection).catch(() => undefined)
  }
}

function gathering(db: Kysely<DB>): Gathering {
  return {
    async standing(addresses) {
      const { rows } = await sql<{ address: string; awaited: boolean; old_username: string | null }>`
        select address, coalesce(migration.state = 'awaited' and migration.account_id is null, false) as awaited,
          migration.old_username
        from unnest(${addresses}::text[]) as address
          left join account using (address) left join migration using (address)
        where account.id is not null or migration.id is not null`.execute(db)
      return new Map<string, Standing>(
        rows.map(({ address, awaited, old_username }) => [address, { awaited, oldUsername: old_username }]),
      )
    },
    async add(people) {
      await insertLines(db, people)
      const bad = await inTheWay(db, people)
      if (bad.size > 0) {
        await sql`update import_line set taken = false where number = any(${[...bad.keys()]}::bigint[])`.execute(db)
      }
      return [...bad].map(([number, reason]) => ({ number, reason }))
    },
    write: (by) =>
      inOneTransaction(db, async (trx) => {
        await holdDomains(trx)
        const made = { awaited: 0, pending: 0 }
        const { rows } = await sql<{ last: string | null }>`select max(number) as last from import_line`.execute(trx)
        for (let from = 0; from <= Number(rows[0]?.last ?? -1); from += BATCH) {
          const { awaited, pending } = await write(trx, by, from)
          made.awaited += awaited
          made.pending += pending
        }
        return made
      }),
  }
}

// Nobody counts the rows of a temporary table: the order says which index finds them.
/**
 * Why lines cannot be taken, by their number: somebody of an earlier line, or who is here, has what only one can have.
 */
async function inTheWay(db: Kysely<DB>, people: readonly ImportedPerson[]): Promise<Map<number, string>> {
  const column = <T>(value: (person: ImportedPerson) => T) => people.map(value)
  const { rows } = await sql<{ number: string; reason: string }>`
    with line as materialized (
      select * from unnest(
        ${column(({ number }) => number)}::bigint[], ${column(({ address }) => address)}::text[],
        ${column(({ provider }) => provider)}::text[], ${column(({ oldUsername }) => oldUsername)}::text[],
        ${column(({ home }) => home)}::text[], ${column(({ taken }) => taken)}::boolean[]
      ) as line (number, address, provider, old_username, home, taken)
    )
    select line.number, 'the same person stands in line ' || first.number as reason
      from line join import_line as first using (address) where line.number <> first.number
    union all select line.number, 'line ' || other.number || ' is the same user on the old server'
      from line cross join lateral (
        select number from import_line as one
          where one.old_username = line.old_username and one.provider = line.provider and one.taken
            and one.number < line.number and one.address <> line.address
          order by old_username limit 1
      ) as other where line.taken
    union all select line.number, migration.address || ' is the same user on the old server already'
      from line join provider on provider.name = line.provider
        join migration on provider_id = provider.id and migration.old_username = line.old_username
      where line.taken and migration.state <> 'done' and not is_double and migration.address <> line.address
    union all select line.number, 'it would have one home with line ' || other.number
      from line cross join lateral (
        select number from import_line as one
          where one.home = line.home and one.taken and one.number < line.number and one.address <> line.address
          order by home limit 1
      ) as other where line.taken
    union all select line.number, 'it would have one home with ' || home.address
      from line join home on path = line.home where line.taken and home.address <> line.address`.execute(db)
  // The first reason is the plainest.
  return new Map(rows.map(({ number, reason }) => [Number(number), reason] as const).reverse())
}

/** Who signs in meanwhile may be in the way. */
async function inOneTransaction<T>(db: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  try {
    return await db.transaction().execute(work)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new Refused(
      'conflict',
      'two people would have one mailbox on the old server, or one home: nobody is imported; look again',
    )
  }
}

/** A domain is not closed or removed while its people are written. */
async function holdDomains(trx: Kysely<DB>): Promise<void> {
  const { rows } = await sql<{ old_domain: string; is_served: boolean }>`
    with held as (
      select name from domain where not is_closed and name in (select old_domain from import_line) order by name for share
    )
    select distinct old_domain, held.name is not null as is_served
      from import_line left join held on held.name = old_domain where taken order by old_domain`.execute(trx)
  const gone = rows.find(({ is_served }) => !is_served)
  if (gone !== undefined)
    throw new Refused('conflict', `the domain ${gone.old_domain} was closed or removed meanwhile: import again`)
}

async function insertLines(db: Kysely<DB>, people: readonly ImportedPerson[]): Promise<void> {
  const column = <T>(value: (person: ImportedPerson) => T) => people.map(value)
  // An array of arrays would have to be rectangular: the names of the recipients travel as one text.
  await sql`
    insert into import_line
    select number, address, old_domain, old_username, provider, home, sealed, string_to_array(sealed_to, ' '), quota_bytes,
      taken
    from unnest(
      ${column(({ number }) => number)}::bigint[], ${column(({ address }) => address)}::text[],
      ${column(({ oldDomain }) => oldDomain)}::text[], ${column(({ oldUsername }) => oldUsername)}::text[],
      ${column(({ provider }) => provider)}::text[], ${column(({ home }) => home)}::text[],
      ${column(({ sealed }) => sealed && Buffer.from(sealed.bytes))}::bytea[],
      ${column(({ sealed }) => sealed?.to.join(' ') ?? null)}::text[], ${column(({ quotaBytes }) => quotaBytes)}::bigint[],
      ${column(({ taken }) => taken)}::boolean[]
    ) as line (number, address, old_domain, old_username, provider, home, sealed, sealed_to, quota_bytes, taken)
    order by number
    on conflict (address) do nothing`.execute(db)
}

/** Writes the people of so many lines from there on. Whoever signed in since those were read stays as they are. */
async function write(db: Kysely<DB>, by: By, from: number): Promise<{ awaited: number; pending: number }> {
  const { rows } = await sql<{ state: string; count: string }>`
    with made as (
      insert into migration (address, provider_id, old_domain, old_username, state, route, home, quota_bytes)
      select line.address, provider.id, old_domain, old_username,
        case when sealed is null then 'awaited' else 'pending' end,
        case provider.cutover when 'proxied' then 'source' else 'destination' end,
        case when sealed is not null then line.home end, line.quota_bytes
      from import_line as line join provider on provider.name = line.provider
      where taken and number >= ${from} and number < ${from + BATCH} and not exists (select from account where account.address = line.address)
      order by number
      on conflict (address) do update
        set old_username = excluded.old_username, state = excluded.state, home = excluded.home,
          quota_bytes = coalesce(excluded.quota_bytes, migration.quota_bytes), changed_at = now()
        where migration.state = 'awaited' and migration.account_id is null
          and migration.provider_id = excluded.provider_id
      returning id, address, state
    ), sealed as (
      insert into credential (migration_id, sealed, sealed_to)
      select id, sealed, sealed_to from made join import_line using (address) where sealed is not null
    ), noted as (
      insert into audit (actor, action, subject, reason, detail)
      select ${by.actor}, 'migration.import', address, ${by.reason}, state from made
    )
    select state, count(*) from made group by state`.execute(db)
  const count = (state: string) => Number(rows.find((row) => row.state === state)?.count ?? 0)
  return { awaited: count('awaited'), pending: count('pending') }
}
