import type { Keyring, Opened } from '../keys/open-credential.ts'
import type { Credential } from '../keys/ports.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { NotFlipped, reasonOf } from '../model/not-flipped.ts'
import type { FlipDeps, Flipped } from './flip.ts'
import { causeOf, confirmed, endSessions, HELD_LIMIT_MS, MOST_ROUNDS, TOO_LONG, WORK_LIMIT_MS } from './hold.ts'
import type { Flipping, Job, MirrorReturn, SourceStatus, StatusCheck } from './ports.ts'

/** A job of which nothing is unfinished any more, and what came of that: a line each. */
export interface Finished {
  readonly job: Job
  readonly told: readonly string[]
}

export interface ReturnEndDeps {
  readonly engine: Pick<Flipping, 'leave' | 'forgetReturn'>
  readonly statusCheck: StatusCheck
  readonly flipping: Pick<FlipDeps, 'flips' | 'sessions'>
  readonly keyring: Keyring
}

/**
 * Leads a person who was flipped back to the source: makes the source what the mailbox here is, while she works on; then
 * holds her sessions and mail, ends the sessions, writes and proves what is new, and lets everybody go on, there. Whatever
 * goes wrong before that: she goes on here, and the next attempt goes on from what was written.
 * @throws with the reason
 */
export async function bringBack(
  job: Job,
  credential: Credential,
  deps: FlipDeps,
  signal: AbortSignal,
): Promise<Flipped> {
  const { moving, order } = job
  if (moving?.hasOwnPassword)
    throw new NotFlipped('the password was set on the new server: the old server would refuse it')
  const late = new AbortController()
  const limited = AbortSignal.any([signal, late.signal])
  await deps.sessions.check()
  await deps.flips.started(job, deps.worker)
  await using back = await deps.engine.openReturn(order, credential, limited)
  const look = () => statusOf(job, credential, deps, limited)
  await writeAll(back, look)
  limited.throwIfAborted()
  const hold = await deps.flips.hold(job, deps.worker, HELD_LIMIT_MS, 'return')
  if (hold === null)
    throw new NotFlipped('somebody else has the job by now, or the person is not to be led back any more')
  const heldAt = performance.now()
  const timer = setTimeout(() => late.abort('timeout'), WORK_LIMIT_MS)
  let mailboxes: readonly MailboxStatus[] = []
  try {
    await confirmed(hold, deps, limited)
    const end = () => deps.sessions.endHere(job.address)
    await endSessions(end, 'new', limited)
    for (let round = 1; ; round++) {
      mailboxes = await writeAll(back, look)
      if (!(await endSessions(end, 'new', limited))) break
      if (round === MOST_ROUNDS) throw new NotFlipped('sessions at the new server do not end')
    }
    await land(hold, deps)
  } catch (error) {
    const cause = causeOf(error, late.signal)
    const step = await deps.flips.back(hold, reasonOf(cause), isInterrupted(signal) ? 'kept' : 'taken-back')
    if (step === 'back') await deps.flips.forget(hold)
    if (step !== 'landed') throw cause
  } finally {
    clearTimeout(timer)
  }
  return { mailboxes, told: `led back; held for ${Math.round(performance.now() - heldAt)} ms` }
}

/** The worker is stopped, or another one has the job: that says nothing against the return, and the next attempt goes on. */
export function isInterrupted({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason === 'stopped' || reason === 'lost-lock')
}

async function land(hold: string, { flips, worker }: FlipDeps): Promise<void> {
  if (!(await flips.begin(hold))) throw new NotFlipped(TOO_LONG)
  if (!(await flips.land(hold, `destination → source, by ${worker.host}`))) throw new NotFlipped(TOO_LONG)
}

/** @returns the source's mailboxes as they are then */
async function writeAll(
  back: MirrorReturn,
  look: () => Promise<readonly MailboxStatus[]>,
): Promise<readonly MailboxStatus[]> {
  const before = await look()
  await back.check(before)
  if (!(await back.write())) return before
  const after = await look()
  await back.prove(after)
  return after
}

async function statusOf(
  { order }: Job,
  credential: Credential,
  { statusCheck }: FlipDeps,
  signal: AbortSignal,
): Promise<readonly MailboxStatus[]> {
  const status = await statusCheck.check(order.provider, credential, signal, false)
  if (status.kind !== 'yes') throw new NotFlipped(`the old server cannot be asked: ${status.kind}`)
  return status.mailboxes
}

/** The source lets nobody in: a return cannot be ended before it does, and the migration says what to do. */
export class NotLetIn extends Error {
  override readonly cause:
    | Refusal
    | { readonly status: Exclude<SourceStatus, { kind: 'yes' }>; readonly refused?: undefined }

  constructor(cause: NotLetIn['cause']) {
    super('the old server lets nobody in')
    this.cause = cause
  }
}

type Refusal = Extract<Opened, { readonly refused: unknown }>

/** After so many failed attempts nobody waits any more for a source that refuses what came late. */
const PATIENCE = 3

/**
 * Ends what a return has left: here again, unless the person is at the source already; then what came here too late follows,
 * and the mailbox is the mirror.
 */
export async function finishReturn(
  job: Job,
  hold: string,
  { engine, flipping: { flips, sessions }, keyring, statusCheck }: ReturnEndDeps,
  signal: AbortSignal,
): Promise<Finished> {
  const { moving, order, sealed, address } = job
  if (moving === undefined) return { job, told: [] }
  let told: readonly string[] = []
  const step = await flips.back(hold, 'the worker of the return died', 'kept')
  if (step === 'landed') {
    if (sealed === null) throw new NotLetIn({ refused: 'credential-unopened', why: 'no credential is kept' })
    const opened = await keyring.open({ address, sealed, provider: order.provider })
    if (opened.refused !== undefined) throw new NotLetIn(opened)
    const { credential } = opened
    const status = await statusCheck.check(order.provider, credential, signal, false)
    signal.throwIfAborted()
    if (status.kind !== 'yes') throw new NotLetIn({ status })
    await sessions.endHere(address)
    told = await engine.leave(order, credential, job.failures >= PATIENCE, signal)
  }
  await flips.forget(hold, ...(told.length === 0 ? [] : [told.join('\n')]))
  // Not before: an end that is repeated has to know what came late.
  if (step === 'landed') engine.forgetReturn(order)
  const route = step === 'landed' ? 'source' : 'destination'
  const isMirrored = route === 'source'
  return { job: { ...job, order: { ...order, isMirrored }, moving: { ...moving, route, unfinished: null } }, told }
}
