import { setTimeout as pause } from 'node:timers/promises'
import type { Credential } from '../keys/ports.ts'
import type { Result } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { NotFlipped, reasonOf } from '../model/not-flipped.ts'
import type { Flips, Sessions } from './flip-ports.ts'
import { causeOf, confirmed, HELD_LIMIT_MS, LOOK_AGAIN_MS, TOO_LONG, WORK_LIMIT_MS } from './hold.ts'
import type { Flipping, Job, MirrorFlip, StatusCheck, Worker } from './ports.ts'
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

/** How often the source may change while nobody who comes through here can change it. */
const MOST_ROUNDS = 5

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
 * is here already.
 */
export async function finishFlip(job: Job, deps: FinishDeps): Promise<Finished> {
  const { engine, flipping } = deps
  const { moving, order, address } = job
  if (moving === undefined) return { job, told: [] }
  const { flips, sessions } = flipping
  // A session that was let in just before the hold may have begun at the source after it.
  if (moving.isJustFlipped) await sessions.end(address)
  const { unfinished } = moving
  if (unfinished === null) return { job, told: [] }
  const { hold } = unfinished
  if (unfinished.isReturn) return await finishReturn(job, hold, deps)
  const step = await flips.back(hold, 'the worker of the flip died', 'kept')
  if (step === 'back') await engine.moveBack(order, hold)
  if (step === 'landed') await engine.mergeBefore(order, new AbortController().signal)
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
  const late = new AbortController()
  const limited = AbortSignal.any([signal, late.signal])
  await using mirror = await deps.engine.openFlip(job.order, credential, limited)
  const approach = new Approach(job, credential, mirror, deps, limited)
  await deps.sessions.check()
  await deps.flips.started(job, deps.worker)
  await approach.comeNear()
  const hold = await deps.flips.hold(job, deps.worker, HELD_LIMIT_MS)
  if (hold === null)
    throw new NotFlipped('somebody else has the job by now, or the person is not to be flipped any more')
  const heldAt = performance.now()
  const timer = setTimeout(() => late.abort('timeout'), WORK_LIMIT_MS)
  try {
    await confirmed(hold, deps, limited)
    await approach.arrive()
    mirror.record(approach.mailboxes)
    await land(hold, mirror, deps, heldAt)
  } catch (error) {
    await goBack(job, hold, { cause: causeOf(error, late.signal), signal }, deps)
  } finally {
    clearTimeout(timer)
  }
  const ms = Math.round(performance.now() - heldAt)
  return { mailboxes: approach.mailboxes, told: `flipped; held for ${ms} ms${await tidied(job, hold, deps, signal)}` }
}

async function land(hold: string, mirror: MirrorFlip, { flips, worker }: FlipDeps, heldAt: number): Promise<void> {
  if (!(await flips.begin(hold))) throw new NotFlipped(TOO_LONG)
  // A process that stood still has not seen its own limit pass.
  if (performance.now() - heldAt > HELD_LIMIT_MS) throw new NotFlipped(TOO_LONG)
  await mirror.moveIn(hold)
  const isHere = await flips.land(hold, `source → destination, by ${worker.host}`, mirror.namespace)
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

/** Brings the mirror to what the source is, and proves it. */
class Approach {
  readonly #job: Job
  readonly #credential: Credential
  readonly #mirror: MirrorFlip
  readonly #deps: FlipDeps
  readonly #signal: AbortSignal
  /** The source's mailboxes when what the mirror has of them was proved, by name. */
  readonly #proved = new Map<string, string>()
  mailboxes: readonly MailboxStatus[] = []

  constructor(job: Job, credential: Credential, mirror: MirrorFlip, deps: FlipDeps, signal: AbortSignal) {
    this.#job = job
    this.#credential = credential
    this.#mirror = mirror
    this.#deps = deps
    this.#signal = signal
  }

  /** Everything that may take its time, while the person works on. */
  async comeNear(): Promise<void> {
    await this.#look()
    await this.#mirror.renew(null)
    const before = this.mailboxes
    await this.#look()
    const quiet = this.mailboxes.filter((one) => isQuiet(one) && before.some((other) => line(other) === line(one)))
    const names = quiet.map(({ name }) => name)
    await this.#mirror.note(null)
    // Something may have come in between: what differs now is looked at again when nobody can change it.
    if ((await this.#mirror.difference(names)) === null) for (const one of quiet) this.#proved.set(one.name, line(one))
  }

  /** What has changed since, while the person is held: again, as long as somebody turns up who was let in before. */
  async arrive(): Promise<void> {
    for (let round = 1; ; round++) {
      await this.#endSessions()
      await this.#look()
      const open = this.mailboxes.filter((one) => this.#proved.get(one.name) !== line(one))
      const isOther = this.#isAnother() || (await this.#mirror.isSubscribedOtherwise())
      if (open.length > 0 || isOther) await this.#bring(open, isOther ? null : open.map(({ name }) => name))
      if (!(await this.#deps.sessions.end(this.#job.address))) return
      if (round === MOST_ROUNDS) throw new NotFlipped('sessions at the old server do not end')
    }
  }

  /** @param names of those alone that are to be renewed; null: all */
  async #bring(open: readonly MailboxStatus[], names: readonly string[] | null): Promise<void> {
    await this.#mirror.renew(names)
    let difference = await this.#mirror.difference(names)
    if (difference !== null) {
      await this.#mirror.renew(null)
      difference = await this.#mirror.difference(names)
    }
    if (difference !== null) throw new NotFlipped(`the mirror is not what the old server has: ${difference}`)
    await this.#mirror.note(names)
    for (const one of open) if (isQuiet(one)) this.#proved.set(one.name, line(one))
    this.#folders = new Set(this.mailboxes.map(({ name }) => name))
  }

  /** The mailboxes of the last whole look at the mirror. */
  #folders: ReadonlySet<string> = new Set()

  #isAnother(): boolean {
    const names = this.mailboxes.map(({ name }) => name)
    return this.#folders.size !== names.length || names.some((name) => !this.#folders.has(name))
  }

  async #look(): Promise<void> {
    const { provider } = this.#job.order
    const status = await this.#deps.statusCheck.check(provider, this.#credential, this.#signal, false)
    if (status.kind !== 'yes')
      throw new NotFlipped(`the old server cannot be asked: ${'code' in status ? status.code : status.kind}`)
    this.mailboxes = status.mailboxes
    if (this.#folders.size === 0) this.#folders = new Set(status.mailboxes.map(({ name }) => name))
  }

  /** Kicks until nobody is left. */
  async #endSessions(): Promise<void> {
    for (let tries = 1; await this.#deps.sessions.end(this.#job.address); tries++) {
      if (tries > KICKS) throw new NotFlipped('sessions at the old server do not end when they are kicked')
      await pause(LOOK_AGAIN_MS, undefined, { signal: this.#signal })
    }
  }
}

const KICKS = 100

/** Whether a change of any kind would show. */
function isQuiet({ highestModseq, uidValidity }: MailboxStatus): boolean {
  return highestModseq !== null && uidValidity !== null
}

function line({ name, uidValidity, uidNext, messages, highestModseq }: MailboxStatus): string {
  return JSON.stringify([name, uidValidity, uidNext, messages, highestModseq])
}
