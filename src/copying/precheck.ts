import type { Outcome } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import type { Job } from './ports.ts'

/** The share of messages that the source may lose between two attempts. */
const SHRINK_SHARE = 0.5
/** Fewer than this are lost by tidying up. */
const SHRINK_LEAST = 20
/** Without HIGHESTMODSEQ changed flags do not show: such a mailbox is copied at least this often. */
const FLAGS_MS = 24 * 60 * 60 * 1000

/**
 * Why this migration must not be copied now, or null. A "retry" overrules what stopped the last attempt.
 * @param remembered whether the engine still has its sync state of this migration
 */
export function objection(job: Job, now: readonly MailboxStatus[], remembered: boolean): Outcome | null {
  const found = first(job, now, remembered)
  return found === job.overruled ? null : found
}

function first(job: Job, now: readonly MailboxStatus[], remembered: boolean): Outcome | null {
  if (job.hasCopied && !remembered) return 'state-lost'
  if (job.seen === null) return null
  // Who works there may make a folder anew; a mirror follows.
  const isMirrored = job.order.isMirrored === true
  if (!isMirrored && job.seen.some((before) => isRecreated(before, now))) return 'old-recreated'
  // Of what the source does not tell at the moment nobody knows how many there are.
  const untold = new Set(now.filter(({ uidValidity }) => uidValidity === null).map(({ name }) => name))
  const told = (all: readonly MailboxStatus[]) => total(all.filter(({ name }) => !untold.has(name)))
  const [before, after] = [told(job.seen), told(now)]
  return before - after >= SHRINK_LEAST && after < before * (1 - SHRINK_SHARE) ? 'old-shrunk' : null
}

/** Whether the source is exactly as it was before the last complete attempt. */
export function isUnchanged({ seen, completedAt }: Job, now: readonly MailboxStatus[], time: Date): boolean {
  if (seen === null || completedAt === null || now.some(({ uidValidity }) => uidValidity === null)) return false
  const showsFlags = now.every(({ highestModseq }) => highestModseq !== null)
  if (!showsFlags && time.getTime() - completedAt.getTime() > FLAGS_MS) return false
  const before = new Set(seen.map(line))
  return before.size === now.length && now.every((mailbox) => before.has(line(mailbox)))
}

/**
 * The mailboxes of the source that have changed since the last attempt, which was complete; null: any may have, or there
 * are others now.
 */
export function changedSince({ state, isProved, seen }: Job, now: readonly MailboxStatus[]): readonly string[] | null {
  if (state !== 'synced' || !isProved || seen === null || seen.length !== now.length) return null
  const before = new Map(seen.map((mailbox) => [mailbox.name, line(mailbox)]))
  const isTold = now.every(({ name, highestModseq }) => before.has(name) && highestModseq !== null)
  return isTold ? now.filter((mailbox) => before.get(mailbox.name) !== line(mailbox)).map(({ name }) => name) : null
}

function line({ name, uidValidity, uidNext, messages, highestModseq }: MailboxStatus): string {
  return JSON.stringify([name, uidValidity, uidNext, messages, highestModseq])
}

function isRecreated(before: MailboxStatus, now: readonly MailboxStatus[]): boolean {
  const after = now.find(({ name }) => name === before.name)
  if (after === undefined || before.messages === 0 || before.uidValidity === null) return false
  return after.uidValidity !== null && after.uidValidity !== before.uidValidity
}

function total(mailboxes: readonly MailboxStatus[]): number {
  return mailboxes.reduce((sum, { messages }) => sum + messages, 0)
}
