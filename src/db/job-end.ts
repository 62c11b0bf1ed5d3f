import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { FlipEnd, Job, JobEnd, JobKept, Worker } from '../copying/ports.ts'
import type { Plan } from '../copying/schedule.ts'
import { ACTIVE_STATES, finish, type MigrationStatus, needsCredential } from '../model/migration.ts'
import { record } from './audit.ts'
import { IS_SUPERSEDED } from './retention.ts'
import type { DB, Migration as MigrationTable } from './schema.ts'
import { STATUS_COLUMNS, toStatus, transitionDetail, writeStatus } from './status.ts'

const ATTEMPTS_KEPT = 100

/** A migration as it is at the end of its job, and whether a finish was requested before the claim. */
type Held = Pick<Selectable<MigrationTable>, (typeof STATUS_COLUMNS)[number]> & {
  readonly requested_before: boolean | null
}

/** Writes how a job ended and what follows from it; null: the lease was lost. */
export async function endJob(db: Kysely<DB>, job: Job, worker: Worker, end: JobEnd): Promise<JobKept | null> {
  const { attempt } = end
  if (attempt !== null)
    return await db.transaction().execute((trx) => endAttempt(trx, job, worker, { ...end, attempt }))
  return (await release(db, job, worker, end)) ? { isFinished: false } : null
}

type AttemptEnd = JobEnd & { readonly attempt: NonNullable<JobEnd['attempt']> }

async function endAttempt(trx: Transaction<DB>, job: Job, worker: Worker, end: AttemptEnd): Promise<JobKept | null> {
  const held = await hold(trx, job, worker)
  if (held === null) return null
  await writeAttempt(trx, job, worker, end.attempt)
  // Who has just been flipped is looked at once more, and who was led back meanwhile is not here.
  const isHere = held.route === 'destination' && (job.moving === undefined || job.moving.route === 'destination')
  const isAnswer = isHere && end.seen !== null && job.isFinishRequested && held.requested_before === true
  const cleanAt = isAnswer ? await cleanSince(trx, job) : null
  const plan = await fairPlan(trx, job, end.plan)
  if (cleanAt === null) await follow(trx, job, toStatus(held), plan.status)
  else await finishProved(trx, job, worker, toStatus(held), cleanAt)
  if (end.flip !== undefined) await noteFlip(trx, job, end.flip)
  await release(trx, job, worker, { ...end, plan })
  return { isFinished: cleanAt !== null }
}

async function noteFlip(trx: Transaction<DB>, { migrationId }: Job, flip: FlipEnd): Promise<void> {
  await sql`update job set flip_begun_at = null, flips_cut_off = case when ${flip === 'cut-off'} then flips_cut_off + 1 else 0 end
    where migration_id = ${migrationId}`.execute(trx)
}

/** Locks the migration before its job, as all transitions do. */
async function hold(trx: Transaction<DB>, { migrationId }: Job, worker: Worker): Promise<Held | null> {
  await trx.selectFrom('migration').select('id').where('id', '=', migrationId).forUpdate().execute()
  const held = await trx
    .selectFrom('job')
    .innerJoin('migration', 'migration.id', 'job.migration_id')
    .select(STATUS_COLUMNS)
    .select(sql<boolean | null>`migration.finish_requested_at < job.claimed_at`.as('requested_before'))
    .where('job.migration_id', '=', migrationId)
    .where('job.holder', '=', worker.id)
    .forUpdate('job')
    .executeTakeFirst()
  return held ?? null
}

/** When the last ledger was taken; null: it is not clean any more. */
async function cleanSince(trx: Transaction<DB>, { migrationId }: Job): Promise<Date | null> {
  const ledger = await trx
    .selectFrom('ledger')
    .select('taken_at')
    .where('migration_id', '=', migrationId)
    .where('code', 'is', null)
    .executeTakeFirst()
  return ledger?.taken_at ?? null
}

async function finishProved(
  trx: Transaction<DB>,
  { migrationId, address }: Job,
  { host, by = { actor: `sync on ${host}`, reason: null } }: Worker,
  before: MigrationStatus,
  cleanAt: Date,
): Promise<void> {
  await writeStatus(migrationId, finish(before), trx)
  const detail = `${transitionDetail(before, finish(before)).detail}, the ledger of ${cleanAt.toISOString()} is clean`
  await record(trx, address, { ...by, action: 'migration.finish', detail })
}

async function follow(
  trx: Transaction<DB>,
  { migrationId }: Job,
  before: MigrationStatus,
  status: Plan['status'],
): Promise<void> {
  const isNews = status.state !== before.state || (status.code !== null && status.code !== before.code)
  if (!ACTIVE_STATES.includes(before.state) || !isNews) return
  await writeStatus(migrationId, { ...status, isFinishRequested: before.isFinishRequested }, trx)
}

/** Releases the job, and keeps what was seen of the source. False: the lease was lost. */
async function release(
  db: Kysely<DB>,
  { migrationId }: Job,
  { id }: Worker,
  { plan: { failures, unchangedRuns, waitMs }, seen }: Pick<JobEnd, 'plan' | 'seen'>,
): Promise<boolean> {
  const { rows } = await sql<{ is_held: boolean }>`
    select release_job(${migrationId}, ${id}, ${failures}, ${unchangedRuns}, ${waitMs}, ${seen && JSON.stringify(seen)})
      as is_held`.execute(db)
  return rows[0]?.is_held ?? false
}

/** A credential that was renewed while the old one was tried is neither refused nor unopened. */
async function fairPlan(trx: Transaction<DB>, job: Job, plan: Plan): Promise<Plan> {
  if (!needsCredential(plan.status) || !(await isRenewed(trx, job))) return plan
  return { status: { state: job.state, pausedFrom: null, code: null }, failures: 0, unchangedRuns: 0, waitMs: 0 }
}

async function isRenewed(trx: Transaction<DB>, { migrationId, sealed }: Job): Promise<boolean> {
  const kept = await trx
    .selectFrom('credential')
    .select('sealed')
    .where('migration_id', '=', migrationId)
    .executeTakeFirst()
  return sealed !== null && kept !== undefined && !kept.sealed.equals(sealed)
}

async function writeAttempt(
  trx: Transaction<DB>,
  { migrationId }: Job,
  { host }: Worker,
  { id, startedAt, result }: NonNullable<JobEnd['attempt']>,
): Promise<void> {
  // PostgreSQL's text holds no NUL.
  const { waitMs: _, leftOut: __, ...kept } = result
  const ended = { ...kept, progress: null, output: result.output.replaceAll('\0', '\ufffd'), ended_at: new Date() }
  if (id !== null) await trx.updateTable('attempt').set(ended).where('id', '=', id).execute()
  else {
    const row = { migration_id: migrationId, host, started_at: startedAt, ...ended }
    await trx.insertInto('attempt').values(row).execute()
  }
  await sql`delete from attempt where migration_id = ${migrationId} and id <= (
    select id from attempt where migration_id = ${migrationId} order by id desc offset ${ATTEMPTS_KEPT} limit 1
  ) and ${IS_SUPERSEDED}`.execute(trx)
}
