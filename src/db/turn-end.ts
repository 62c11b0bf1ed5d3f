import { type Selectable, sql, type Transaction } from 'kysely'
import { proofOf } from '../model/ledger-words.ts'
import { ACTIVE_STATES, finish, type Situation } from '../model/migration.ts'
import type { Plan } from '../policy/advance.ts'
import type { Turn, TurnEnd, TurnKept, Worker } from '../policy/copying.ts'
import { record } from './audit.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'
import { SITUATION_COLUMNS, stepDetail, toSituation, writeSituation } from './situation.ts'

const ATTEMPTS_KEPT = 100

/** A migration as it is at the end of its turn, and what was asked since the turn was taken. */
type Held = Pick<Selectable<MigrationTable>, (typeof SITUATION_COLUMNS)[number]> & {
  readonly due_since: boolean | null
  readonly closing_before: boolean | null
}

/** Writes how a turn ended and what follows from it; null: the lease is somebody else's. */
export async function endTurn(
  trx: Transaction<DB>,
  turn: Turn,
  worker: Worker,
  end: TurnEnd,
): Promise<TurnKept | null> {
  const held = await hold(trx, turn, worker)
  if (held === null) return null
  if (end.attempt !== null) await writeAttempt(trx, turn, worker, end.attempt)
  const isAnswer = end.seen !== null && turn.isClosing && held.closing_before === true
  const proof = isAnswer ? await cleanProof(trx, turn) : null
  if (proof !== null) await finishProved(trx, turn, worker, toSituation(held), proof)
  else await follow(trx, turn, toSituation(held), await fairPlan(trx, turn, held, end.plan))
  if (end.seen !== null) {
    await sql`update turn set seen = ${JSON.stringify(end.seen)}::jsonb, completed_at = now()
      where migration_id = ${turn.migrationId}`.execute(trx)
  }
  return { proof }
}

/** Locks the migration before its turn, as all steps do. */
async function hold(trx: Transaction<DB>, { migrationId }: Turn, worker: Worker): Promise<Held | null> {
  await trx.selectFrom('migration').select('id').where('id', '=', migrationId).forUpdate().execute()
  const held = await trx
    .selectFrom('turn')
    .innerJoin('migration', 'migration.id', 'turn.migration_id')
    .select(SITUATION_COLUMNS)
    .select(sql<boolean | null>`turn.due_at > turn.taken_at`.as('due_since'))
    .select(sql<boolean | null>`migration.closing_since < turn.taken_at`.as('closing_before'))
    .where('turn.migration_id', '=', migrationId)
    .where('turn.holder', '=', worker.id)
    .forUpdate('turn')
    .executeTakeFirst()
  return held ?? null
}

/** What the last ledger proves; null: it is not clean any more. */
async function cleanProof(trx: Transaction<DB>, { migrationId }: Turn): Promise<string | null> {
  const ledger = await trx
    .selectFrom('ledger')
    .select('taken_at as takenAt')
    .where('migration_id', '=', migrationId)
    .where('code', 'is', null)
    .executeTakeFirst()
  return ledger === undefined ? null : proofOf({ ...ledger, code: null, folders: [] })
}

async function finishProved(
  trx: Transaction<DB>,
  { migrationId, address }: Turn,
  { host }: Worker,
  before: Situation,
  proof: string,
): Promise<void> {
  await writeSituation(migrationId, finish(before), trx)
  const detail = `${stepDetail(before, finish(before)).detail}, ${proof}`
  await record(trx, address, { actor: `sync on ${host}`, reason: null, action: 'migration.finish', detail })
  await giveBack(trx, migrationId, { failures: 0, quiet: 0, waitMs: null })
}

async function follow(trx: Transaction<DB>, { migrationId }: Turn, before: Situation, plan: Plan): Promise<void> {
  const { situation, waitMs } = plan
  const isActive = ACTIVE_STATES.includes(before.state)
  const isNews = situation.state !== before.state || (situation.code !== null && situation.code !== before.code)
  if (isActive && isNews) await writeSituation(migrationId, { ...situation, isClosing: before.isClosing }, trx)
  const comesAgain = isActive && ACTIVE_STATES.includes(situation.state)
  await giveBack(trx, migrationId, { ...plan, waitMs: comesAgain ? waitMs : null })
}

/** Gives the lease back. @param plan `waitMs` null: it has no next turn */
async function giveBack(
  trx: Transaction<DB>,
  migrationId: string,
  plan: Pick<Plan, 'failures' | 'quiet'> & { readonly waitMs: number | null },
): Promise<void> {
  const { failures, quiet, waitMs } = plan
  const seconds = waitMs === null ? null : waitMs / 1000
  await sql`update turn set holder = null, leased_until = null, failures = ${failures}, quiet = ${quiet},
    due_at = coalesce(now() + ${seconds}::float * interval '1 second', 'infinity')
    where migration_id = ${migrationId}`.execute(trx)
}

/** A credential that was renewed while the old one was tried is not refused; who was made due meanwhile is due. */
async function fairPlan(trx: Transaction<DB>, turn: Turn, { due_since }: Held, plan: Plan): Promise<Plan> {
  const atOnce = { failures: 0, quiet: 0, waitMs: 0 }
  if (plan.situation.code === 'credential-refused' && (await isRenewed(trx, turn))) {
    return { situation: { state: turn.state, pausedFrom: null, code: null }, ...atOnce }
  }
  return due_since === true ? { ...plan, ...atOnce } : plan
}

async function isRenewed(trx: Transaction<DB>, { migrationId, sealed }: Turn): Promise<boolean> {
  const kept = await trx
    .selectFrom('credential')
    .select('sealed')
    .where('migration_id', '=', migrationId)
    .executeTakeFirst()
  return sealed !== null && kept !== undefined && !kept.sealed.equals(sealed)
}

async function writeAttempt(
  trx: Transaction<DB>,
  { migrationId }: Turn,
  { host }: Worker,
  { id, startedAt, result }: NonNullable<TurnEnd['attempt']>,
): Promise<void> {
  // PostgreSQL's text holds no NUL.
  const ended = { ...result, output: result.output.replaceAll('\0', '\ufffd'), ended_at: new Date() }
  if (id !== null) await trx.updateTable('attempt').set(ended).where('id', '=', id).execute()
  else {
    const row = { migration_id: migrationId, host, started_at: startedAt, ...ended }
    await trx.insertInto('attempt').values(row).execute()
  }
  await sql`delete from attempt where migration_id = ${migrationId} and id <= (
    select id from attempt where migration_id = ${migrationId} order by id desc offset ${ATTEMPTS_KEPT} limit 1
  )`.execute(trx)
}
