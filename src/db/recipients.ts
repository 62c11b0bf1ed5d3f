import type { Directory } from '../routing/recipients.ts'
import type { Database } from './connection/database.ts'

// The questions come as JSON: how many they are, the planner does not see. With an array it would plan each statement anew,
// which takes longer than to carry it out.
const DOMAINS = `
  select exists (select from domain where domain.name = asked.name or new_domain = asked.name)
      or exists (select from account where split_part(address, '@', 2) = asked.name)
      or exists (select from alias where split_part(address, '@', 2) = asked.name) as is_ours
    from json_array_elements_text($1::json) with ordinality as asked (name, number) order by number`

// An old address means whoever came from there: the new one may be another person's, and so is an alias of it, where several
// domains became one. Who has not come is at the source that knows the name: the domain's own, or the only one that becomes it.
const RECIPIENTS = `
  with asked as (
    select asked.*, renamed.name is not null as is_old, coalesce(renamed.new_domain, asked.domain) as new_domain,
        case when exists (
          select from domain as other
            where other.new_domain = renamed.new_domain and other.name <> renamed.name and not other.is_closed
        ) then asked.domain else coalesce(renamed.new_domain, asked.domain) end as alias_domain,
        renamed.provider_id, case login_name when '%n' then person else person || '@' || asked.domain end as old_username
      from rows from (json_to_recordset($1::json) as (typed text, person text, domain text)) with ordinality
          as asked (typed, person, domain, number)
        left join lateral (
          select domain.*, login_name from domain join provider on provider.id = provider_id
            where domain.name = asked.domain and new_domain <> domain.name limit 1
        ) as renamed on true
  ), found as (
    select asked.*, person || '@' || new_domain as address,
        (select old_domain from migration where address = person || '@' || new_domain) as from_domain
      from asked
  )
  select (
      select account.address from account left join migration on migration.account_id = account.id
        where account.address = found.address and (not is_old or migration.id is null or old_domain = found.domain
          or (migration.provider_id = found.provider_id and migration.old_username = found.old_username))
    ) as owner, (
      select json_build_object('address', address, 'targets', json_agg(target order by target)) from alias
        where address in (
          typed || '@' || domain, person || '@' || domain, typed || '@' || alias_domain, person || '@' || alias_domain
        )
        group by address
        order by split_part(address, '@', 2) = domain desc, split_part(address, '@', 1) = typed desc limit 1
    ) as alias, (
      select mx is not null from domain join provider on provider.id = domain.provider_id
        where (domain.name = found.domain or domain.new_domain = found.domain) and not is_closed
          and (domain.name in (from_domain, found.domain) or not exists (
            select from domain as other
              where other.new_domain = found.domain and other.name <> domain.name and not other.is_closed
          ))
        order by domain.name = from_domain desc nulls last, domain.name = found.domain desc limit 1
    ) as has_mx
  from found order by number`

interface RecipientRow {
  readonly owner: string | null
  readonly alias: { readonly address: string; readonly targets: readonly string[] } | null
  /** Null: no provider serves the domain. */
  readonly has_mx: boolean | null
}

const SERVED = { true: 'with mx', false: 'without mx', null: null } as const

/** Who is here. What Postfix asks first waits for the schema. */
export function recipients({ pool, ready }: Pick<Database, 'pool' | 'ready'>): Directory {
  return {
    async domains(names) {
      await ready()
      const { rows } = await pool.query<{ is_ours: boolean }>({
        name: 'domains',
        text: DOMAINS,
        values: [JSON.stringify(names)],
      })
      return rows.map(({ is_ours }) => is_ours)
    },
    async recipients(asked) {
      await ready()
      const questions = asked.map(({ typed, person }) => {
        return { typed: typed.local, person: person.local, domain: typed.domain }
      })
      const values = [JSON.stringify(questions)]
      const { rows } = await pool.query<RecipientRow>({ name: 'recipients', text: RECIPIENTS, values })
      return rows.map(({ owner, alias, has_mx }) => ({ owner, alias, served: SERVED[`${has_mx}`] }))
    },
  }
}
