import { type Kysely, sql, type Transaction } from 'kysely'
import type { Flips } from '../copying/flip-ports.ts'
import type { Job, Unfinished, Worker } from '../copying/ports.ts'
import type { Namespace } from '../model/account.ts'
import { record } from './audit.ts'
import { LIVE } from './instances.ts'
import type { DB } from './schema.ts'

/** What is left of a hold's time when the moves begin: they take a moment. */
const LEAST = sql`interval '2 seconds'`

/** @param actor in whose name holds are ended */
export function flips(db: Kysely<DB>, actor: string): Flips {
  return {
    async started({ migrationId }, { id }) {
      await sql`update job set flip_begun_at = clock_timestamp()
        where migration_id = ${migrationId} and holder = ${id}`.execute(db)
    },
    hold: (job, worker, limitMs, way = 'flip') =>
      db.transaction().execute((trx) => hold(trx, job, worker, limitMs, WAYS[way])),
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
    async land(hold, detail, namespace = null) {
      return await alone(db, hold, async (trx, address, { is_return: isReturn }) => {
        const { rows } = await sql`update flip set step = 'landed'
          where hold = ${hold} and step = 'moving' and held_until > clock_timestamp() returning 1`.execute(trx)
        if (rows.length === 0) return false
        const { action, landed } = WAYS[isReturn ? 'return' : 'flip']
        await sql`update migration set ${landed}, changed_at = now() where address = ${address}`.execute(trx)
        await sql`update job set flip_begun_at = null, flips_cut_off = 0
          where migration_id = (select migration_id from flip where hold = ${hold})`.execute(trx)
        if (!isReturn) {
          const uidl = sql<string | null>`(select nullif(pop3_uidl, 'dovecot') from provider
            join migration on provider_id = provider.id where migration.address = ${address})`
          const columns = { ...columnsOf(namespace), kept_uidl: uidl }
          await trx.updateTable('account').set(columns).where('address', '=', address).execute()
        }
        await record(trx, address, { actor, action, reason: null, detail })
        return true
      })
    },
    async back(hold, reason, request = 'taken-back') {
      let left: Unfinished['step'] | null = null
      await alone(db, hold, async (trx, address, { step, is_return: isReturn }) => {
        left = step
        if (step === 'landed' || step === 'back') return false
        const { action, from, withdrawn } = WAYS[isReturn ? 'return' : 'flip']
        const asked = request === 'kept' ? sql`` : sql`${withdrawn}, `
        await sql`update migration set route = ${from}, ${asked}changed_at = now()
          where address = ${address} and route = 'held'`.execute(trx)
        await record(trx, address, { actor, action: `${action}-ended`, reason: null, detail: reason })
        if (step === 'held') await sql`delete from flip where hold = ${hold}`.execute(trx)
        else await sql`update flip set step = 'back' where hold = ${hold}`.execute(trx)
        left = step === 'held' ? null : 'back'
        return true
      })
      return left
    },
    async refuseReturn({ address }, reason) {
      await db.transaction().execute(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('migration')
          .set({ return_requested_at: null, changed_at: new Date() })
          .where('address', '=', address)
          .where('return_requested_at', 'is not', null)
          .executeTakeFirst()
        if (numUpdatedRows > 0n)
          await record(trx, address, { actor, action: 'migration.return-ended', reason: null, detail: reason })
      })
    },
    async forget(hold, remark) {
      await alone(db, hold, async (trx, address, { is_return: isReturn }) => {
        await sql`delete from flip where hold = ${hold}`.execute(trx)
        const { action } = WAYS[isReturn ? 'return' : 'flip']
        if (remark !== undefined) await record(trx, address, { actor, action, reason: null, detail: remark })
        return true
      })
    },
  }
}

function columnsOf(namespace: Namespace | null) {
  return { namespace_prefix: namespace?.prefix ?? null, namespace_separator: namespace?.separator ?? null }
}

/** How a flip and a return differ. */
const WAYS = {
  flip: {
    from: 'source',
    isReturn: false,
    action: 'migration.flip',
    landed: sql`route = 'destination', flip_requested_at = null, flipped_at = clock_timestamp(), returned_at = null`,
    withdrawn: sql`flip_requested_at = null`,
  },
  return: {
    from: 'destination',
    isReturn: true,
    action: 'migration.return',
    landed: sql`route = 'source', return_requested_at = null, flipped_at = null, returned_at = clock_timestamp()`,
    withdrawn: sql`return_requested_at = null`,
  },
} as const

async function hold(
  trx: Transaction<DB>,
  { migrationId }: Job,
  worker: Worker,
  limitMs: number,
  { from, isReturn }: (typeof WAYS)[keyof typeof WAYS],
): Promise<string | null> {
  const { rows: held } = await sql`select 1 from migration
    where id = ${migrationId} and route = ${from} and account_id is not null and state in ('pending', 'synced')
      -- Whoever stops a wave, or a return, stops those who are not held yet.
      and case when ${isReturn} then return_requested_at is not null
        else flip_requested_at is not null or finish_requested_at is not null or (
          returned_at is null and exists (
            select from provider where provider.id = provider_id and cutover = 'proxied'
              and (flip = 'auto' or flip = 'window' and is_open(provider, now())))) end
    for update`.execute(trx)
  if (held.length === 0 || (isReturn && (await hasOwnPassword(trx, migrationId)))) return null
  const { rows: leased } = await sql`select 1 from job
    where migration_id = ${migrationId} and holder = ${worker.id} for share`.execute(trx)
  if (leased.length === 0) return null
  const { rows } = await sql<{ hold: string }>`insert into flip (migration_id, is_return, held_until)
    values (${migrationId}, ${isReturn}, clock_timestamp() + ${limitMs} * interval '1 millisecond')
    on conflict (migration_id) do nothing returning hold`.execute(trx)
  const [row] = rows
  if (row === undefined) return null
  await sql`update migration set route = 'held' where id = ${migrationId}`.execute(trx)
  await sql`select pg_notify('postferry_holds', '')`.execute(trx)
  return row.hold
}

/** One that the source does not know. */
async function hasOwnPassword(trx: Transaction<DB>, migrationId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from migration join account on account.id = account_id
    where migration.id = ${migrationId} and password_source = 'destination'`.execute(trx)
  return rows.length > 0
}

interface FlipRow {
  readonly step: Unfinished['step']
  readonly is_return: boolean
}

/**
 * Works on a flip with its migration locked first, as all do; its account before that, as who sets a password does. False:
 * there is no such flip.
 */
async function alone(
  db: Kysely<DB>,
  hold: string,
  work: (trx: Transaction<DB>, address: string, flip: FlipRow) => Promise<boolean>,
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    await sql`select 1 from account
      where id = (select account_id from migration join flip on migration_id = migration.id where hold = ${hold})
      for no key update`.execute(trx)
    const { rows } = await sql<{ address: string }>`select address from migration
      where id = (select migration_id from flip where hold = ${hold}) for update`.execute(trx)
    const { rows: flips } = await sql<FlipRow>`select step, is_return from flip
      where hold = ${hold} for update`.execute(trx)
    const [migration, flip] = [rows[0], flips[0]]
    return migration !== undefined && flip !== undefined && (await work(trx, migration.address, flip))
  })
}
