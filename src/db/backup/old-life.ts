import type pg from 'pg'
import type { Change } from '../../model/audit.ts'
import { quoted } from './format.ts'

// What happened after the backup was made is not in it, but copying hosts and browsers remember it.

const ENDINGS = [
  // Nobody of then holds a job any more.
  'update job set holder = null, leased_until = null where holder is not null',
  `update attempt set ended_at = now(), outcome = 'lost-lock' where ended_at is null`,
  // A flip of then came to its end, or was ended. What has landed may still be tidied.
  `update migration set route = 'destination' where route = 'held'
    and id in (select migration_id from flip where is_return and step <> 'landed')`,
  `delete from flip where step <> 'landed'`,
  `update migration set route = 'source' where route = 'held'`,
  // A session that was ended since must not come to life again.
  'update administrator set session_stamp = gen_random_uuid()',
]

/**
 * Nobody gets a number again that was given after the backup was made: a copying host knows the sync state of a migration
 * by its number, and would take that of one person for another's.
 */
const NUMBERS_LEFT_OUT = 1_000_000

const IDENTITIES = `
  select relname as table, attname as column, pg_get_serial_sequence(quote_ident(relname), attname) as sequence
  from pg_attribute join pg_class on pg_class.oid = attrelid
  where relnamespace = current_schema()::regnamespace and relkind = 'r' and attidentity <> '' and not attisdropped`

const NOTICES = `select pg_notify('postferry_forget', ''), pg_notify('postferry_jobs', '')`

/** Ends what belonged to the processes of then, in the transaction of the restore. */
export async function endOldLife(client: pg.Client, { actor, action, reason, detail }: Change): Promise<void> {
  for (const ending of ENDINGS) await client.query(ending)
  const { rows } = await client.query<{ table: string; column: string; sequence: string }>(IDENTITIES)
  for (const { table, column, sequence } of rows) {
    const last = `select coalesce(max(${quoted(column)}), 0) + $2::int from ${quoted(table)}`
    await client.query(`select setval($1, (${last}))`, [sequence, NUMBERS_LEFT_OUT])
  }
  await client.query(`insert into audit (actor, action, subject, reason, detail) values ($1, $2, 'database', $3, $4)`, [
    actor,
    action,
    reason,
    detail,
  ])
  await client.query(NOTICES)
}
