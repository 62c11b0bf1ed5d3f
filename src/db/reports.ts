import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { State } from '../model/migration.ts'
import { ERASABLE, type Erasable } from '../model/retention.ts'
import type { Reports, Scope } from '../operations/report.ts'
import { HELD_SINCE } from './retention.ts'
import type { DB } from './schema.ts'

const STATES = ['awaited', 'pending', 'copying', 'synced', 'done', 'paused', 'failed'] as const
const COUNTS = [...STATES, 'people', 'neverCame', 'unflipped'] as const
/** So many people are named; of all others the number will do. */
const NAMED = 10
type Counted<Value> = Record<'provider' | 'domain', string> & Record<(typeof COUNTS)[number], Value>

/** The migrations of a scope, and their steps. */
function partsOf(scope: Scope): {
  migration: RawBuilder<unknown>
  step: RawBuilder<unknown>
} {
  const { provider, domain } = { provider: scope.provider ?? null, domain: scope.domain ?? null }
  const migration = sql`(
    select migration.*, provider.name as provider
    from migration join provider on provider.id = provider_id
    where (${provider}::text is null or provider.name = ${provider})
      and (${domain}::text is null or old_domain = ${domain})
  )`
  const everything = provider === null && domain === null
  return {
    migration,
    step: everything
      ? sql`migration_transition`
      : sql`(
      select migration_transition.* from migration_transition join ${migration} as migration on migration.id = migration_id
    )`,
  }
}

export function reports(db: Kysely<DB>): Reports {
  return {
    async people(scope, copying) {
      const { rows } = await sql<Counted<string>>`
        select provider, old_domain as domain,
          count(*) filter (where state = 'awaited' and not copying) as awaited,
          count(*) filter (where state = 'pending' and not copying) as pending,
          count(*) filter (where copying) as copying,
          count(*) filter (where state = 'synced' and not copying) as synced,
          count(*) filter (where state = 'done' and not copying) as done,
          count(*) filter (where state = 'paused' and not copying) as paused,
          count(*) filter (where state = 'failed' and not copying) as failed,
          count(*) as people,
          count(*) filter (where account_id is null and state <> 'done') as "neverCame",
          count(*) filter (where state = 'synced' and route <> 'destination') as unflipped
        from (select *, id = any(${copying}::bigint[]) as copying from ${partsOf(scope).migration} as migration) as one
        group by provider, domain
        order by provider, domain`.execute(db)
      return rows.map((row) => {
        const counts = Object.fromEntries(COUNTS.map((name) => [name, Number(row[name])]))
        return { provider: row.provider, domain: row.domain, ...counts } as Counted<number>
      })
    },
    async failures(scope) {
      const { rows } = await sql<{ code: string; people: string }>`
        select coalesce(code, 'unknown') as code, count(*) as people
        from ${partsOf(scope).migration} as migration
        where state = 'failed' or code is not null and state in ('pending', 'synced')
        group by 1
        order by people desc, code`.execute(db)
      return rows.map(({ code, people }) => ({ code, people: Number(people) }))
    },
    async days(scope) {
      const { step } = partsOf(scope)
      // Counted before anything else is done with them: there are several steps for each migration.
      const { rows } = await sql<{ day: string; state: State; change: string }>`
        select to_char(day, 'YYYY-MM-DD') as day, state, sum(change) as change
        from (
          select (at at time zone 'UTC')::date as day, from_state, to_state, count(*) as steps from ${step} as step
          group by 1, 2, 3
        ) as step
        cross join lateral (values (to_state, steps), (from_state, -steps)) as side (state, change)
        where state is not null
        group by day, state
        order by day, state`.execute(db)
      return rows.map(({ day, state, change }) => ({ day, state, change: Number(change) }))
    },
    async erased() {
      const rows = await db.selectFrom('retention').selectAll().execute()
      const told = rows.map(({ what, days, looked_at, erased }) => {
        return { what: what as Erasable, days, lookedAt: looked_at, erased: Number(erased) }
      })
      return told.sort((one, other) => ERASABLE.indexOf(one.what) - ERASABLE.indexOf(other.what))
    },
    async expiring(scope, days, before) {
      const { rows } = await sql<{ people: string; at: Date | null; addresses: string[] | null }>`
        select count(*) as people, min(since) + ${days} * interval '1 day' as at,
          (array_agg(address order by since, address))[:${NAMED}] as addresses
        from (
          select address, ${HELD_SINCE} as since from credential
            join ${partsOf(scope).migration} as migration on migration.id = migration_id
        ) as held where since < ${before}`.execute(db)
      const [{ people = '0', at = null, addresses = null } = {}] = rows
      return { people: Number(people), at, addresses: addresses ?? [] }
    },
  }
}
