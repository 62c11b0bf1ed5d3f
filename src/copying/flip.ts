import type { Credential } from '../keys/ports.ts'
import type { Result } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { NotFlipped, reasonOf } from '../model/not-flipped.ts'
import { Approach } from './approach.ts'
import type { Flips, Sessions } from './flip-ports.ts'
import { causeOf, confirmed, endSessions, HELD_LIMIT_MS, TOO_LONG, WORK_LIMIT_MS } from './hold.ts'
import type { Flipping, Job, LastCopy, StatusCheck, Worker } from './ports.ts'
import { type Finished, finishReturn, isInterrupted, type ReturnEndDeps } from './return.ts'
import type { Ending } from './schedule.ts'

/** What a flip needs. */
export interface FlipDeps {
  readonly worker: Worker
  readonly flips: Flips
  readonly sessions: Sessions
  readonly engine: Flipping
  readonly statusCheck: StatusCheck
}

interface Seen {
  readonly ending: Ending
  readonly result: Result | null
}

/** Whether the person is ready after an attempt that has ended so, and it is time to flip. */
export function isFlipWanted({ moving, order, isFinishRequested, isProved }: Job, { ending, result }: Seen): boolean {
  if (moving?.route !== 'source' || !moving.hasAccount) return false
  // Who moves and deletes mail without a break makes every ledger differ: a flip proves it once more, when nobody can.
  const isBusy = isProved && ending === 'ledger-differs' && result?.isBusy === true
  if (ending !== 'complete' && ending !== 'unchanged' && !isBusy) return false
  if (moving.isFlipRequested || isFinishRequested) return true
  return !moving.isReturned && isProxied(order) && isTime(order, moving)
}

function isTime({ provider: { flip } }: Job['order'], { isOpen }: NonNullable<Job['moving']>): boolean {
  return flip === 'auto' || (flip === 'window' && isOpen)
}

/** A provider that is set back to immediate flips nobody by itself any more. */
function isProxied({ provider }: Job['order']): boolean {
  return provider.cutover === 'proxied'
}

export type FinishDeps = ReturnEndDeps & { readonly engine: Flipping }

/**
 * Ends what a flip has left that did not come to its end, wherever its worker died: back to the source, unless the person
 * is here already. What is interrupted is repeated by the next attempt.
 */
export async function finishFlip(job: Job, deps: FinishDeps, signal: AbortSignal): Promise<Finished> {
  const { engine, flipping } = deps
  const { moving, order, address } = job
  if (moving === undefined) return { job, told: [] }
  const { flips, sessions } = flipping
  // A session that was let in just before the hold may have begun at the source after it.
  if (moving.isJustFlipped) await sessions.end(address)
  const { unfinished } = moving
  if (unfinished === null) return { job, told: [] }
  const { hold } = unfinished
  if (unfinished.isReturn) return await finishReturn(job, hold, deps, signal)
  const step = await flips.back(hold, 'the worker of the flip died', 'kept')
  if (step === 'back') await engine.moveBack(order, hold)
  if (step === 'landed') await engine.mergeBefore(order, signal)
  await flips.forget(hold)
  const route = step === 'landed' ? 'destination' : 'source'
  const isMirrored = route === 'source'
  return { job: { ...job, order: { ...order, isMirrored }, moving: { ...moving, route, unfinished: null } }, told: [] }
}

export interface Flipped {
  /** What the source held at the end. */
  readonly mailboxes: readonly MailboxStatus[]
  /** In words. */
  readonly told: string
}

/**
 * Brings a person here whose mirror is proved: holds her sessions and mail, ends the sessions, makes the mirror what the
 * source is by then, puts it in the mailbox's place, and lets everybody go on, here. Whatever goes wrong before that: she
 * goes on at the source, and nothing has happened.
 * @throws with the reason
 */
export async function flip(job: Job, credential: Credential, deps: FlipDeps, signal: AbortSignal): Promise<Flipped> {
  const limit = limited(signal)
  await using mirror = await deps.engine.openFlip(job.order, credential, limit.signal)
  const approach = new Approach(job, credential, mirror, deps, limit.signal)
  await deps.sessions.check()
  await deps.flips.started(job, deps.worker)
  await approach.comeNear()
  const told = await bringHere(job, mirror, deps, limit, async () => {
    await approach.arrive()
    mirror.record(approach.mailboxes)
  })
  return { mailboxes: approach.mailboxes, told }
}

/** Whether a person is to come here whom the source, which is gone, cannot hold back. */
export function isLastCopyWanted(job: Job): boolean {
  const { order, seen } = job
  return order.provider.isGone && seen !== null && isFlipWanted(job, { ending: 'complete', result: null })
}

/**
 * Brings a person here from a source that is gone: what the last complete copy has takes the mailbox's place.
 * @returns what happened, in words
 * @throws with the reason
 */
export async function flipToLastCopy(job: Job, deps: FlipDeps, signal: AbortSignal): Promise<string> {
  const limit = limited(signal)
  await using copy = await deps.engine.openLastCopy(job.order, limit.signal)
  await deps.sessions.check()
  await deps.flips.started(job, deps.worker)
  const told = await bringHere(job, copy, deps, limit, async () => {
    await endSessions(() => deps.sessions.end(job.address), 'old', limit.signal)
  })
  return `${told}; the old server is gone: this is its copy of ${job.completedAt?.toISOString()}`
}

/** A signal, and what ends it when a hold takes too long. */
interface Limit {
  readonly signal: AbortSignal
  readonly outer: AbortSignal
  readonly late: AbortController
}

function limited(outer: AbortSignal): Limit {
  const late = new AbortController()
  return { outer, late, signal: AbortSignal.any([outer, late.signal]) }
}

/** @param arrive the last that is to be done for the copy, while the person is held */
async function bringHere(
  job: Job,
  copy: LastCopy,
  deps: FlipDeps,
  { signal, outer, late }: Limit,
  arrive: () => Promise<void>,
): Promise<string> {
  signal.throwIfAborted()
  const hold = await deps.flips.hold(job, deps.worker, HELD_LIMIT_MS)
  if (hold === null)
    throw new NotFlipped('somebody else has the job by now, or the person is not to be flipped any more')
  const heldAt = performance.now()
  const timer = setTimeout(() => late.abort('timeout'), WORK_LIMIT_MS)
  try {
    await confirmed(hold, deps, signal)
    await arrive()
    await land(hold, copy, deps, heldAt)
  } catch (error) {
    await goBack(job, hold, { cause: causeOf(error, late.signal), signal: outer }, deps)
  } finally {
    clearTimeout(timer)
  }
  const ms = Math.round(performance.now() - heldAt)
  return `flipped; held for ${ms} ms${await tidied(job, hold, deps, outer)}`
}

async function land(hold: string, copy: LastCopy, { flips, worker }: FlipDeps, heldAt: number): Promise<void> {
  if (!(await flips.begin(hold))) throw new NotFlipped(TOO_LONG)
  // A process that stood still has not seen its own limit pass.
  if (performance.now() - heldAt > HELD_LIMIT_MS) throw new NotFlipped(TOO_LONG)
  await copy.moveIn(hold)
  const isHere = await flips.land(hold, `source → destination, by ${worker.host}`, copy.namespace)
  if (!isHere) throw new NotFlipped(TOO_LONG)
}

/** @throws the cause, unless the person is here after all: then the database had only not said so */
async function goBack(
  { order }: Job,
  hold: string,
  { cause, signal }: { readonly cause: unknown; readonly signal: AbortSignal },
  { flips, engine }: FlipDeps,
): Promise<void> {
  const step = await flips.back(hold, reasonOf(cause), isInterrupted(signal) ? 'kept' : 'taken-back')
  if (step === 'landed') return
  // Who has ended it meanwhile may have moved back before we have moved anything: the journal in the home says whose it is.
  await engine.moveBack(order, hold)
  if (step === 'back') await flips.forget(hold)
  throw cause
}

/** What lay in the mailbox's place before comes into it, now or with the next attempt. */
async function tidied({ order }: Job, hold: string, { engine, flips }: FlipDeps, signal: AbortSignal): Promise<string> {
  try {
    await engine.mergeBefore(order, signal)
    await flips.forget(hold)
    return ''
  } catch (error) {
    return `; what was there before is still to be merged: ${reasonOf(error)}`
  }
}
