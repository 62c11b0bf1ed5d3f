import { type Kysely, sql, type Transaction } from 'kysely'
import type { By } from '../model/audit.ts'
import type { AddedAliases, Aliases, AliasTarget } from '../operations/aliases.ts'
import { record } from './audit.ts'
import { readPage } from './cursor.ts'
import type { DB } from './schema.ts'

export function aliases(db: Kysely<DB>): Aliases {
  return {
    page: (request) =>
      readPage(request, async ({ from, isBackwards, limit }) => {
        const query = db
          .selectFrom('alias')
          .select(['address', 'address as cursor', sql<string[]>`array_agg(target order by target)`.as('targets')])
          .$if(from !== null, (query) =>
            query.where('list_key', isBackwards ? '<' : '>', sql<string>`list_key(${from})`),
          )
        const rows = query.groupBy(['list_key', 'address']).orderBy('list_key', isBackwards ? 'desc' : 'asc')
        return await rows.limit(limit).execute()
      }),
    async find(address) {
      const rows = await db.selectFrom('alias').select('target').where('address', '=', address).execute()
      return rows.length === 0 ? null : { address, targets: rows.map(({ target }) => target).sort() }
    },
    async add(wanted, { isDryRun, by }) {
      const trx = await db.startTransaction().execute()
      try {
        // Two that are added at once see one another, and so does whoever closes a circle.
        await sql`lock table alias in share row exclusive mode`.execute(trx)
        const added = await insert(trx, wanted, by)
        const judged = await judge(trx, wanted)
        const isWritten = !isDryRun && judged.bad.length === 0
        await (isWritten ? trx.commit() : trx.rollback()).execute()
        return { added, isWritten, ...judged }
      } catch (error) {
        await trx.rollback().execute()
        throw error
      }
    },
    async remove(address, target, by) {
      return await db.transaction().execute(async (trx) => {
        const removed = await trx
          .deleteFrom('alias')
          .where('address', '=', address)
          .$if(target !== null, (query) => query.where('target', '=', target ?? ''))
          .returning('target')
          .execute()
        if (removed.length === 0) return []
        const targets = removed.map(({ target }) => target).sort()
        await record(trx, address, { ...by, action: 'alias.remove', detail: `to ${targets.join(', ')}` })
        return targets
      })
    },
  }
}

/** How many were not there before. Each alias is one entry of the audit. */
async function insert(trx: Transaction<DB>, wanted: readonly AliasTarget[], by: By): Promise<number> {
  const { rows } = await sql<{ added: number }>`
    with added as (
      insert into alias (address, target)
        select distinct address, target from ${lines(wanted)} where address <> target
        on conflict do nothing returning address, target
    ), noted as (
      insert into audit (actor, action, subject, reason, detail)
        select ${by.actor}, 'alias.add', address, ${by.reason}, 'to ' || string_agg(target, ', ' order by target)
          from added group by address order by address
    )
    select count(*)::int as added from added`.execute(trx)
  return rows[0]?.added ?? 0
}

const MOST_TARGETS = 100

/** What is wrong with the aliases, which are in the table already: so they know one another. */
async function judge(
  trx: Transaction<DB>,
  wanted: readonly AliasTarget[],
): Promise<Pick<AddedAliases, 'bad' | 'unknown'>> {
  const { rows } = await sql<{ number: number; target: string; reason: string | null; is_known: boolean }>`
    with recursive reached (address, target, at) as (
      select address, target, target from ${lines(wanted)}
      union select reached.address, reached.target, alias.target from reached join alias on alias.address = reached.at
    )
    select number, target, is_known, case
        when not ${isOurs(sql`line.address`)} then 'its domain is none of ours: add the domain first'
        when ${isPersons(sql`line.address`)} then 'it is a person''s own address: their mail would go elsewhere'
        when address = target or exists (
          select from reached where reached.address = line.address and reached.target = line.target
            and at = line.address
        ) then 'its mail would go in a circle'
        when not is_known and ${isOurs(sql`line.target`)} and not ${isServed(sql`line.target`)}
          then 'it leads to somebody in our domains whom nobody knows'
        when (select count(*) from alias where alias.address = line.address) > ${MOST_TARGETS}
          then ${`it would lead to more than ${MOST_TARGETS} addresses`}
      end as reason
      from ${lines(wanted)} cross join lateral (
        select ${isPersons(sql`line.target`)} or exists (select from alias where alias.address = line.target)
      ) as knowledge (is_known)
      order by number`.execute(trx)
  const bad = rows.flatMap(({ number, reason }) => (reason === null ? [] : [{ number, reason }]))
  const unknown = [...new Set(rows.filter(({ is_known }) => !is_known).map(({ target }) => target))]
  return { bad, unknown }
}

function lines(wanted: readonly AliasTarget[]) {
  const column = <T>(value: (one: AliasTarget) => T) => wanted.map(value)
  return sql`unnest(${column(({ number }) => number)}::int[], ${column(({ address }) => address)}::text[],
    ${column(({ target }) => target)}::text[]) as line (number, address, target)`
}

type Text = ReturnType<typeof sql>

const domainIn = (address: Text) => sql`split_part(${address}, '@', 2)`

/** A provider serves the domain: the person may be at the source, and nobody here knows. */
const isServed = (address: Text) =>
  sql`exists (
    select from domain where not is_closed and (domain.name = ${domainIn(address)} or new_domain = ${domainIn(address)}))`

const isOurs = (address: Text) =>
  sql`(exists (select from domain where domain.name = ${domainIn(address)} or new_domain = ${domainIn(address)})
    or exists (select from account where split_part(account.address, '@', 2) = ${domainIn(address)}))`

/** Somebody has an account or is awaited, by the new or the old address. */
const isPersons = (address: Text) =>
  sql`(exists (select from account where account.address = ${address})
    or exists (select from migration where migration.address = ${address} and state <> 'done')
    or exists (select from domain join migration on old_domain = domain.name
      where domain.name = ${domainIn(address)} and (account_id is not null or state <> 'done')
        and migration.address = split_part(${address}, '@', 1) || '@' || new_domain))`
