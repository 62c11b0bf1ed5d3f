import type { Keyring, Opened } from '../keys/open-credential.ts'
import type { Credential } from '../keys/ports.ts'
import type { DigestCaches } from '../ledger/ports.ts'
import type { VerifyProgress } from '../ledger/verify.ts'
import type { Outcome, Result } from '../model/attempt.ts'
import { backoffText } from '../model/backoff.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { reasonOf, Told } from '../model/not-flipped.ts'
import type { BytesRead } from './bytes-read.ts'
import { cutOff } from './cut-off.ts'
import { DayBytes } from './day-bytes.ts'
import { ended, withFilters } from './filters.ts'
import { type FlipDeps, finishFlip, flip, flipToLastCopy, isFlipWanted, isLastCopyWanted } from './flip.ts'
import { lackOfRoom, type Room } from './free-space.ts'
import type {
  Brought,
  Engine,
  EngineRun,
  Engines,
  FlipEnd,
  Flipping,
  Interruption,
  Job,
  Jobs,
  KeepConnection,
  MeterSource,
  Proof,
  SourceStatus,
  StatusCheck,
  Worker,
} from './ports.ts'
import { changedSince, isUnchanged, objection } from './precheck.ts'
import { bringBack, isInterrupted, NotLetIn } from './return.ts'
import { advance, type Ending } from './schedule.ts'
import type { CopiedTotals } from './totals.ts'
import { Tracking, type Work, workIn } from './tracking.ts'

/** What a job needs to run. */
export interface JobDeps {
  readonly worker: Worker
  readonly jobs: Jobs
  readonly statusCheck: StatusCheck
  readonly keepConnection: KeepConnection
  readonly meterSource: MeterSource
  readonly bytesRead: Pick<BytesRead, 'today' | 'take'>
  readonly engine: Pick<Engines, 'remembers' | 'remember' | 'run' | 'forget' | 'release' | 'choose'> & Flipping
  readonly flipping: Pick<FlipDeps, 'flips' | 'sessions'>
  readonly keyring: Keyring
  readonly proof: Proof
  readonly digests: DigestCaches
  readonly room: Room
  readonly totals: CopiedTotals
  /** For the whole job: status check, copy and ledger. */
  readonly limitMs: number
  now(): Date
  /** From 0 to 1. */
  chance(): number
}

/** How a running job reports, and is ended early. */
export interface JobRun {
  /** Aborted with an Interruption. */
  readonly signal: AbortSignal
  onMessage(): void
  /** Called at each message that has come from the source. */
  onBrought?(brought: Brought): void
  /** Called when an attempt begins, with what follows it. */
  track?(tracking: Tracking): void
}

/** How a job ended. */
export interface JobReport {
  readonly address: string
  readonly ending: Ending
  readonly result: Result | null
  readonly startedAt: Date
  /** Until the job is due again; null: a person has to act first, or the migration is finished. */
  readonly waitMs: number | null
  /** The migration was to be finished, and is. */
  readonly isFinished: boolean
}

interface Seen {
  readonly ending: Ending
  readonly result: Result | null
  readonly attemptId: string | null
  readonly mailboxes: readonly MailboxStatus[] | null
  /** The person came here just now: what comes late at the source is looked for soon. */
  readonly hasFlipped?: boolean
  readonly flip?: FlipEnd
}

/** After a flip sessions and mail that were on their way to the source have arrived there. */
const SWEEP_MS = 15_000

/** Checks the source, copies when there is something to copy, and writes down the result. */
export async function runJob(job: Job, deps: JobDeps, run: JobRun): Promise<JobReport> {
  const startedAt = deps.now()
  const seen = await withinLimit(job, deps, run)
  const complete = seen.ending === 'complete'
  const next = advance(job, seen.ending, deps.chance())
  const waitMs = seen.hasFlipped ? SWEEP_MS : Math.max(next.waitMs, seen.result?.waitMs ?? 0)
  const plan = { ...next, waitMs }
  const attempt = seen.result && { id: seen.attemptId, startedAt, result: seen.result }
  const { mailboxes, flip } = seen
  // Who has lost the lease ends nothing: this worker may have the job again by now, which the database could not tell apart.
  const isLost = run.signal.reason === LOST_LEASE
  const kept = isLost
    ? null
    : await deps.jobs.end(job, deps.worker, { plan, attempt, seen: complete ? mailboxes : null, flip })
  const isFinished = kept?.isFinished ?? false
  if (isFinished) {
    deps.digests.remove(job.migrationId)
    await deps.engine.release(job.order)
  }
  return {
    address: job.address,
    ending: kept === null ? 'lost-lock' : seen.ending,
    result: seen.result,
    startedAt,
    waitMs: plan.status.state === 'failed' || isFinished ? null : plan.waitMs,
    isFinished,
  }
}

const LOST_LEASE: Interruption = 'lost-lock'

async function withinLimit(job: Job, deps: JobDeps, run: JobRun): Promise<Seen> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort('timeout' satisfies Interruption), deps.limitMs)
  const signal = AbortSignal.any([run.signal, limit.signal])
  try {
    const { job: found, told } = await finishFlip(job, deps, signal)
    const seen = await copyOrMove(found, deps, { ...run, signal })
    return told.length === 0 ? seen : ended(seen, seen.ending, told)
  } catch (error) {
    if (error instanceof NotLetIn) {
      const { cause } = error
      return cause.refused === undefined ? turnedAway(cause.status) : without(cause.refused, cause.why)
    }
    const { outcome, output } = broken(error, signal)
    return without(outcome, output)
  } finally {
    clearTimeout(timer)
  }
}

async function copyOrMove(job: Job, deps: JobDeps, run: JobRun): Promise<Seen> {
  const died = await cutOff(job, deps)
  if (died !== null) return { ...without(died.outcome, died.output), flip: 'cut-off' }
  if (isReturnWanted(job)) return { ...(await returned(job, deps, run)), flip: 'ended' }
  if (isLastCopyWanted(job)) return { ...(await flippedToLastCopy(job, deps, run)), flip: 'ended' }
  const copied = await checkAndCopy(job, deps, run)
  const open = async () => (await opened(job, deps.keyring)).credential ?? null
  const seen = await withFilters(job, copied, isFlipWanted(job, copied), { engine: deps.engine, open }, run.signal)
  return isFlipWanted(job, seen) ? { ...(await flipped(job, seen, deps, run)), flip: 'ended' } : seen
}

function isReturnWanted({ moving }: Job): boolean {
  return moving?.route === 'destination' && moving.isReturnRequested
}

async function returned(job: Job, deps: JobDeps, { signal }: JobRun): Promise<Seen> {
  const { credential, refused, why } = await opened(job, deps.keyring)
  if (refused !== undefined) return without(refused, why)
  const attemptId = await deps.jobs.begin(job, deps.worker)
  const result = (outcome: Outcome, output: string): Result => ({ outcome, folders: 0, messages: 0, output })
  try {
    const { mailboxes, told } = await bringBack(job, credential, { ...deps, ...deps.flipping }, signal)
    return { ending: 'complete', result: result('complete', told), attemptId, mailboxes, hasFlipped: true }
  } catch (error) {
    if (isInterrupted(signal)) {
      const { outcome, output } = broken(error, signal)
      return { ending: outcome, result: result(outcome, output), attemptId, mailboxes: null }
    }
    const reason = reasonOf(error)
    await deps.flipping.flips.refuseReturn(job, reason)
    return { ending: 'return-failed', result: result('return-failed', reason), attemptId, mailboxes: null }
  }
}

/** @param seen what the attempt before it came to, by which the mirror is ready */
async function flipped(job: Job, seen: Seen, deps: JobDeps, { signal }: JobRun): Promise<Seen> {
  const { credential, refused, why } = await opened(job, deps.keyring)
  if (refused !== undefined) return without(refused, why)
  await using _ = await keptConnection(job, credential, deps)
  const { attemptId } = seen
  const { folders = 0, messages = 0, output: before = '' } = seen.result ?? {}
  const work = async () => {
    const { mailboxes, told } = await flip(job, credential, { ...deps, ...deps.flipping }, signal)
    return { mailboxes, told: `${told}\n${before}`.trim() }
  }
  return await flipEnd({ attemptId, folders, messages }, work, signal)
}

async function flippedToLastCopy(job: Job, deps: JobDeps, { signal }: JobRun): Promise<Seen> {
  const attemptId = await deps.jobs.begin(job, deps.worker)
  const work = async () => ({
    mailboxes: null,
    told: await flipToLastCopy(job, { ...deps, ...deps.flipping }, signal),
  })
  return await flipEnd({ attemptId, folders: 0, messages: 0 }, work, signal)
}

/** What an attempt comes to whose flip ends so. */
async function flipEnd(
  { attemptId, ...counts }: Pick<Seen, 'attemptId'> & Pick<Result, 'folders' | 'messages'>,
  work: () => Promise<Pick<Seen, 'mailboxes'> & { readonly told: string }>,
  signal: AbortSignal,
): Promise<Seen> {
  try {
    const { mailboxes, told } = await work()
    const result: Result = { ...counts, outcome: 'complete', output: told }
    return { ending: 'complete', result, attemptId, mailboxes, hasFlipped: true }
  } catch (error) {
    // The mirror is there all the same.
    const { outcome, output } = isInterrupted(signal)
      ? broken(error, signal)
      : ({ outcome: 'flip-failed', output: reasonOf(error) } as const)
    return { ending: outcome, result: { ...counts, outcome, output }, attemptId, mailboxes: null }
  }
}

async function checkAndCopy(job: Job, deps: JobDeps, run: JobRun): Promise<Seen> {
  const { credential, refused, why } = await opened(job, deps.keyring)
  if (refused !== undefined) return without(refused, why)
  using day = await DayBytes.open(job, credential, deps)
  await using _ = await keptConnection(job, credential, deps)
  if (day.spent.aborted) return deferred(day)
  const status = await deps.statusCheck.check(job.order.provider, credential, run.signal, asksSizes(job))
  if (run.signal.aborted) return without(OUTCOME_OF_INTERRUPTED_CHECK[run.signal.reason as Interruption])
  if (status.kind !== 'yes') return turnedAway(status)
  const { mailboxes } = status
  const objected = objection(job, mailboxes, isKnown(job, deps))
  if (objected !== null) return without(objected)
  const isSame =
    job.state === 'synced' && job.isProved && !job.isFinishRequested && isUnchanged(job, mailboxes, deps.now())
  const unchanged: Seen = { ending: 'unchanged', result: null, attemptId: null, mailboxes }
  if (isSame && !isQuotaAhead(job)) return unchanged
  const lack = lackOfRoom(job, mailboxes, () => bytesRead(job, deps), deps.room)
  if (lack !== null) return without('new-full', lack)
  if (isSame) return unchanged
  const attemptId = await deps.jobs.begin(job, deps.worker)
  // Whoever closes it last waits for the disk.
  using _digests = deps.digests.open(job.migrationId)
  const isNothingThere = mailboxes.length === 0
  const tracking = new Tracking(
    mailboxes,
    workIn(job, mailboxes, () => readBefore(job, mailboxes, deps)),
  )
  run.track?.(tracking)
  const tracked = {
    ...run,
    tracking,
    changed: changedSince(job, mailboxes),
    spent: day.spent,
    onBrought(brought: Brought) {
      // doveadm's come over a connection of ours, which counts them.
      if (brought.engine === 'offlineimap') day.take(brought.bytes)
      run.onBrought?.(brought)
    },
  }
  const copied = await copyAndProve(
    job,
    credential,
    isNothingThere ? { ...deps, engine: { ...deps.engine, ...NO_COPY } } : deps,
    tracked,
  )
  const result = copied.outcome === SPENT ? { ...copied, waitMs: day.waitMs } : copied
  return { ending: result.outcome, result, attemptId, mailboxes }
}

const SPENT: Outcome = 'old-spent'

function deferred({ waitMs }: DayBytes): Seen {
  const seen = without(SPENT)
  return { ...seen, result: seen.result && { ...seen.result, waitMs } }
}

/**
 * An engine that signs in by itself is to find no connection open. A ledger that finishes lists anew: what was told on the
 * way may be hours old.
 */
async function keptConnection(
  { order, isFinishRequested }: Job,
  credential: Credential,
  { keepConnection, engine }: JobDeps,
): Promise<AsyncDisposable | null> {
  return !isFinishRequested && (await engine.choose(order)) === 'doveadm'
    ? keepConnection(order.provider, credential)
    : null
}

/** What a mirror has is the source's, whatever is remembered of it. */
function isKnown({ migrationId, order }: Job, { engine }: JobDeps): boolean {
  return order.isMirrored === true || engine.remembers(migrationId)
}

/** The quota is the destination's: it may have become smaller while the person is still to come here. */
function isQuotaAhead({ moving, quotaBytes }: Job): boolean {
  return moving?.route === 'source' && quotaBytes !== null
}

/** For people of whom the source has no mailbox: engines stop at that. */
const NO_COPY: Pick<Engine, 'run' | 'forget'> = {
  run: async () => ({ outcome: 'complete', folders: 0, messages: 0, output: 'the old server has no mailbox to copy' }),
  forget: () => undefined,
}

/** Before the first complete copy, and where there is a quota. */
function asksSizes({ seen, quotaBytes }: Job): boolean {
  return seen === null || quotaBytes !== null
}

function bytesRead({ migrationId }: Job, { digests }: JobDeps): number {
  using cache = digests.open(migrationId)
  return cache.messages.bytes()
}

/** What an attempt has read that did not come to its end. */
function readBefore({ migrationId }: Job, mailboxes: readonly MailboxStatus[], { digests }: JobDeps): Work {
  using cache = digests.open(migrationId)
  const { messages: known } = cache
  const counts = mailboxes.map(({ name, uidValidity }) => known.of(name, Number(uidValidity ?? 0)).size)
  const messages = counts.reduce((all, some) => all + some, 0)
  // An engine that does not tell what passes leaves nothing there.
  return messages === 0 ? { messages: null, bytes: null } : { messages, bytes: known.bytes() }
}

type TrackedRun = JobRun & Pick<EngineRun, 'changed' | 'spent'> & { readonly tracking: Tracking }
type CopyingDeps = Pick<JobDeps, 'proof'> & { readonly engine: Pick<Engine, 'run' | 'remember' | 'forget'> }

/** A copy that the engine calls complete has to be proved by a clean ledger. */
async function copyAndProve(job: Job, credential: Credential, deps: CopyingDeps, run: TrackedRun): Promise<Result> {
  const copied = await deps.engine.run(job.order, credential, {
    ...run,
    onBrought(brought) {
      run.tracking.brought(brought)
      run.onBrought?.(brought)
    },
  })
  try {
    return await prove(copied, job, credential, deps, run)
  } catch (error) {
    const { outcome, output } = broken(error, run.signal)
    return { ...copied, outcome, output: `${copied.output}\n${output}`.trim() }
  }
}

async function prove(
  copied: Result,
  job: Job,
  credential: Credential,
  deps: CopyingDeps,
  run: TrackedRun,
): Promise<Result> {
  const how = {
    watch: (progress: VerifyProgress) => run.tracking.compared(progress),
    ...(run.spent && { spent: run.spent }),
  }
  if (copied.outcome === 'complete') deps.engine.remember(job.migrationId)
  const flaw = copied.outcome === 'complete' ? await deps.proof.flaw(job, credential, run.signal, how) : null
  if (run.signal.aborted && copied.outcome === 'complete')
    return { ...copied, outcome: run.signal.reason as Interruption }
  if (flaw === null) return copied
  const told = {
    ...copied,
    outcome: flaw.outcome,
    ...(flaw.isBusy && { isBusy: flaw.isBusy }),
    output: `${copied.output}\n${flaw.sentence}`.trim(),
  }
  // Once only: messages that are lost again and again may be deleted on purpose.
  if (flaw.lost.length === 0 || job.code === LOST) return told
  for (const lost of flaw.lost) deps.engine.forget(job.migrationId, lost)
  const again = await copyAndProve({ ...job, code: LOST }, credential, deps, run)
  return { ...again, messages: copied.messages + again.messages, output: `${told.output}\n${again.output}`.trim() }
}

const LOST: Outcome = 'ledger-lost'

/** A job ends after any error: one that is never released would be claimed again and again. */
function broken(error: unknown, { aborted, reason }: AbortSignal): Pick<Result, 'outcome' | 'output'> {
  return {
    outcome: aborted ? (reason as Interruption) : error instanceof Told ? error.outcome : 'incomplete',
    output: `an error ended it: ${reasonOf(error)}`,
  }
}

type Trouble = Extract<SourceStatus, { kind: 'trouble' }> & { code: Outcome }

/** When the status check was interrupted: nothing was copied yet. */
const OUTCOME_OF_INTERRUPTED_CHECK: Readonly<Record<Interruption, Outcome>> = {
  ...{ stopped: 'stopped', 'lost-lock': 'lost-lock', timeout: 'old-timeout', 'old-spent': 'old-spent' },
}

const OUTCOME_OF_CHECK: Readonly<Partial<Record<SourceStatus['kind'], Outcome>>> = {
  no: 'credential-refused',
  // The person changes it there, and then logs in with the new one.
  expired: 'credential-refused',
  disabled: 'old-disabled',
}

function turnedAway(status: Exclude<SourceStatus, { kind: 'yes' }>): Seen {
  const seen = without(OUTCOME_OF_CHECK[status.kind] ?? (status as Trouble).code, wordsOf(status))
  if (status.kind !== 'trouble' || status.waitMs === undefined || seen.result === null) return seen
  const { waitMs } = status
  return { ...seen, result: { ...seen.result, output: `${seen.result.output}\n${backoffText(waitMs)}`.trim(), waitMs } }
}

function without(outcome: Outcome, output = ''): Seen {
  return { ending: outcome, result: { outcome, folders: 0, messages: 0, output }, attemptId: null, mailboxes: null }
}

function wordsOf(status: SourceStatus): string {
  if (status.kind !== 'trouble') return ''
  return (status.cause instanceof Error ? status.cause.message : String(status.cause ?? '')).slice(0, 500)
}

async function opened({ sealed, address, order }: Job, keyring: Keyring): Promise<Opened> {
  if (sealed === null) return { refused: 'credential-unopened', why: 'no credential is kept' }
  return await keyring.open({ address, sealed, provider: order.provider })
}
