import { type Kysely, sql } from 'kysely'
import { parseAddress } from '../model/address.ts'
import type { OnlyAtSourceList } from '../operations/only-at-source.ts'
import type { KeepCounts } from '../routing/only-at-source.ts'
import type { Directory } from '../routing/recipients.ts'
import { readPage } from './cursor.ts'
import type { DB } from './schema.ts'

/** A catch-all takes mail for any name that somebody makes up. */
const MOST_ADDRESSES = 100_000
const KEPT = sql`interval '90 days'`

export function keepOnlyAtSource(db: Kysely<DB>): KeepCounts {
  return async (counts) => {
    const [addresses, messages] = [[...counts.keys()], [...counts.values()]]
    // In their order: two instances that write at once do not wait for each other in a circle.
    await sql`
      with forgotten as (delete from only_at_source where last_at < now() - ${KEPT})
      insert into only_at_source (address, messages)
        select address, messages from unnest(${addresses}::text[], ${messages}::int[]) as counted (address, messages)
          where (select count(*) from only_at_source) < ${MOST_ADDRESSES}
            or exists (select from only_at_source as known where known.address = counted.address)
          order by address
        on conflict (address) do update
          set messages = only_at_source.messages + excluded.messages, last_at = now()`.execute(db)
  }
}

/** Those who have come since, or got an alias, are not among them any more. */
export function onlyAtSource(db: Kysely<DB>, { recipients }: Pick<Directory, 'recipients'>): OnlyAtSourceList {
  return {
    async page({ provider, domain, ...request }) {
      const { rows, ...cursors } = await readPage(request, ({ from, isBackwards, limit }) =>
        db
          .selectFrom('only_at_source')
          .select(['address', 'address as cursor', 'messages', 'first_at', 'last_at'])
          .where('last_at', '>=', sql<Date>`now() - ${KEPT}`)
          .$if(domain !== undefined, (query) => query.where(DOMAIN, '=', domain ?? ''))
          .$if(provider !== undefined, (query) => query.where(DOMAIN, 'in', domainsOf(provider ?? '')))
          .$if(from !== null, (query) => query.where(LIST_KEY, isBackwards ? '<' : '>', sql<string>`list_key(${from})`))
          .orderBy(LIST_KEY, isBackwards ? 'desc' : 'asc')
          .limit(limit)
          .execute(),
      )
      const counted = rows.flatMap(({ address, messages, first_at, last_at }) => {
        const typed = parseAddress(address)
        return typed === null ? [] : [{ typed, messages: Number(messages), firstAt: first_at, lastAt: last_at }]
      })
      const found = await recipients(counted.map(({ typed }) => ({ typed, person: typed })))
      const remaining = counted.filter((_, at) => found[at]?.owner === null && found[at]?.alias === null)
      return { rows: remaining.map(({ typed, ...count }) => ({ address: typed.text, ...count })), ...cursors }
    },
  }
}

const LIST_KEY = sql<string>`list_key(address) collate "C"`
const DOMAIN = sql<string>`split_part(address, '@', 2)`

const domainsOf = (provider: string) => sql<string>`(
  select unnest(array[domain.name, new_domain]) from domain join provider on provider.id = provider_id
    where provider.name = ${provider})`
