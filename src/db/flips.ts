import { type Kysely, sql, type Transaction } from 'kysely'
import type { Flips } from '../copying/flip-ports.ts'
import type { Job, Unfinished, Worker } from '../copying/ports.ts'
import { record } from './audit.ts'
import { LIVE } from './instances.ts'
import type { DB } from './schema.ts'

/** What is left of a hold's time when the moves begin: they take a moment. */
const LEAST = sql`interval '2 seconds'`

/** @param actor in whose name holds are ended */
export function flips(db: Kysely<DB>, actor: string): Flips {
  return {
    hold: (job, worker, limitMs) => db.transaction().execute((trx) => hold(trx, job, worker, limitMs)),
    async unconfirmed(hold) {
      const { rows } = await sql<{ host: string }>`select host from instance
        where seen_at > now() - ${LIVE}
          and not exists (select from hold_confirmed where hold = ${hold} and instance_id = instance.id)
        order by host`.execute(db)
      return rows.map(({ host }) => host)
    },
    async begin(hold) {
      return await alone(db, hold, async (trx) => {
        const { rows } = await sql`update flip set step = 'moving'
          where hold = ${hold} and step = 'held' and held_until - ${LEAST} > clock_timestamp() returning 1`.execute(trx)
        return rows.length > 0
      })
    },
    async land(hold, detail) {
      return await alone(db, hold, async (trx, address) => {
        const { rows } = await sql`update flip set step = 'landed'
          where hold = ${hold} and step = 'moving' and held_until > clock_timestamp() returning 1`.execute(trx)
        if (rows.length === 0) return false
        await sql`update migration set route = 'destination', flip_requested_at = null, flipped_at = clock_timestamp(),
            changed_at = now()
          where address = ${address}`.execute(trx)
        await record(trx, address, { actor, action: 'migration.flip', reason: null, detail })
        return true
      })
    },
    async back(hold, reason) {
      let left: Unfinished['step'] | null = null
      await alone(db, hold, async (trx, address, step) => {
        left = step
        if (step === 'landed' || step === 'back') return false
        await sql`update migration set route = 'source', flip_requested_at = null, changed_at = now()
          where address = ${address} and route = 'held'`.execute(trx)
        await record(trx, address, { actor, action: 'migration.flip-ended', reason: null, detail: reason })
        if (step === 'held') await sql`delete from flip where hold = ${hold}`.execute(trx)
        else await sql`update flip set step = 'back' where hold = ${hold}`.execute(trx)
        left = step === 'held' ? null : 'back'
        return true
      })
      return left
    },
    async forget(hold) {
      await sql`delete from flip where hold = ${hold}`.execute(db)
    },
  }
}

async function hold(
  trx: Transaction<DB>,
  { migrationId }: Job,
  worker: Worker,
  limitMs: number,
): Promise<string | null> {
  const { rows: held } = await sql`select 1 from migration
    where id = ${migrationId} and route = 'source' and account_id is not null and state in ('pending', 'synced')
      -- Whoever stops a wave stops those who are not held yet.
      and (flip_requested_at is not null or finish_requested_at is not null or exists (
        select from provider where provider.id = provider_id and cutover = 'proxied' and flip = 'auto'))
    for update`.execute(trx)
  if (held.length === 0) return null
  const { rows: leased } = await sql`select 1 from job
    where migration_id = ${migrationId} and holder = ${worker.id} for share`.execute(trx)
  if (leased.length === 0) return null
  const { rows } = await sql<{ hold: string }>`insert into flip (migration_id, held_until)
    values (${migrationId}, clock_timestamp() + ${limitMs} * interval '1 millisecond')
    on conflict (migration_id) do nothing returning hold`.execute(trx)
  const [row] = rows
  if (row === undefined) return null
  await sql`update migration set route = 'held' where id = ${migrationId}`.execute(trx)
  await sql`select pg_notify('postferry_holds', '')`.execute(trx)
  return row.hold
}

/** Works on a flip with its migration locked first, as all do. False: there is no such flip. */
async function alone(
  db: Kysely<DB>,
  hold: string,
  work: (trx: Transaction<DB>, address: string, step: Unfinished['step']) => Promise<boolean>,
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ address: string }>`select address from migration
      where id = (select migration_id from flip where hold = ${hold}) for update`.execute(trx)
    const { rows: flips } = await sql<{ step: Unfinished['step'] }>`select step from flip
      where hold = ${hold} for update`.execute(trx)
    const [migration, flip] = [rows[0], flips[0]]
    return migration !== undefined && flip !== undefined && (await work(trx, migration.address, flip.step))
  })
}
