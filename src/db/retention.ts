import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Retention } from '../copying/retention.ts'
import type { Erasable } from '../model/retention.ts'
import type { DB } from './schema.ts'

/** So many rows, or people, in one transaction: nobody waits for long. */
const BATCH = 1_000
/** Several workers share this. */
const PAUSE = sql`interval '1 hour'`

export function retention(db: Kysely<DB>): Retention {
  return {
    async begin(what, days) {
      const { numAffectedRows = 0n } = await sql`
        insert into retention (what, days) values (${what}, ${days})
          on conflict (what) do update set days = excluded.days, looked_at = now()
            where retention.looked_at < now() - ${PAUSE} or retention.days <> excluded.days`.execute(db)
      return numAffectedRows > 0n
    },
    async erase(what, days, actor) {
      const { rows } = await sql<{ chosen: number; erased: number }>`
        with ${ERASING[what](sql`(now() - ${days} * interval '1 day')`, actor)}, counted as (
          select (select count(*)::int from chosen) as chosen, (select count(*)::int from gone) as erased
        ), told as (
          update retention set erased = retention.erased + counted.erased from counted where what = ${what}
        )
        select chosen, erased from counted`.execute(db)
      return (rows[0]?.chosen ?? 0) === BATCH
    },
  }
}

/** Statements that choose a batch of what is older than a time, and erase it: `chosen` and `gone`. */
const ERASING: Readonly<Record<Erasable, (time: RawBuilder<Date>, actor: string) => RawBuilder<unknown>>> = {
  audit: (time) => sql`
    chosen as (select id from audit where at < ${time} order by at limit ${BATCH}),
    gone as (delete from audit using chosen where audit.id = chosen.id returning 1)`,

  attempts: (time) => sql`
    chosen as (
      select attempt.id from attempt join migration on migration.id = migration_id
        where ended_at < ${time} and (migration.state = 'done' or ${IS_SUPERSEDED})
        order by ended_at limit ${BATCH}
    ),
    gone as (delete from attempt using chosen where attempt.id = chosen.id returning 1)`,

  // Of each person the last step stays, from which the later ones go on, and the one that brought them across.
  steps: (time) => sql`
    chosen as (
      select migration_id from migration_transition where at < ${time} group by 1 having count(*) > 2 limit ${BATCH}
    ), old as (
      select migration_transition.ctid as row, migration_id, at, to_state,
          row_number() over (partition by migration_id order by at desc, migration_transition.ctid desc) = 1 as is_last,
          to_state in ('synced', 'done') and row_number() over (
            partition by migration_id, to_state in ('synced', 'done') order by at, migration_transition.ctid
          ) = 1 as is_crossing
        from migration_transition join chosen using (migration_id) where at < ${time}
    ), kept as (
      select row, lag(to_state) over (partition by migration_id order by at, row) as from_state
        from old where is_last or is_crossing
    ), joined as (
      update migration_transition set from_state = kept.from_state from kept where migration_transition.ctid = kept.row
    ), gone as (
      delete from migration_transition using old where migration_transition.ctid = old.row and not (is_last or is_crossing)
        returning 1
    )`,

  // What a finished person's ledger proved stays; what it said of single messages does not.
  ledgers: (time) => sql`
    chosen as (
      select ledger_difference.migration_id, number from ledger_difference
        join ledger on ledger.migration_id = ledger_difference.migration_id
        join migration on migration.id = ledger.migration_id
        where taken_at < ${time} and migration.state = 'done' limit ${BATCH}
    ),
    gone as (
      delete from ledger_difference using chosen where ledger_difference.migration_id = chosen.migration_id
        and ledger_difference.number = chosen.number returning 1
    )`,

  credentials: (time, actor) => sql`
    chosen as (
      select migration_id, migration.address, ${HELD_SINCE} as since
        from credential join migration on migration.id = migration_id
        where ${HELD_SINCE} < ${time} order by migration_id limit ${BATCH} for update of credential
    ), gone as (
      delete from credential using chosen where credential.migration_id = chosen.migration_id returning 1
    ), noted as (
      insert into audit (actor, action, subject, detail)
        select ${actor}, 'credential.erase', address, 'kept since ' || to_char(since at time zone 'UTC', 'YYYY-MM-DD')
          from chosen
    )`,
}

/** Since when somebody's credential is kept although they do not finish: a new one begins anew. */
export const HELD_SINCE = sql<Date>`greatest(credential.sealed_at, migration.created_at)`

/** While mail is copied, attempts that a claim reads are kept: the last of each outcome, and one that copied. */
export const IS_SUPERSEDED = sql<boolean>`(
  exists (select from attempt later where later.migration_id = attempt.migration_id and later.id > attempt.id
    and later.outcome = attempt.outcome)
  and (messages = 0 or exists (select from attempt later where later.migration_id = attempt.migration_id
    and later.id > attempt.id and later.messages > 0)))`
