import type { VerifyProgress } from '../ledger/verify.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { type Progress, Speed } from '../model/progress.ts'
import type { Brought, Job } from './ports.ts'

/** What an attempt has to bring. */
export interface Work {
  readonly messages: number | null
  readonly bytes: number | null
}

/**
 * What the source has and the last complete attempt did not.
 * @param before of an attempt that did not come to its end: what it has brought; null: nobody knows
 */
export function workIn({ seen, hasCopied }: Job, now: readonly MailboxStatus[], before: () => Work): Work {
  const all = { messages: sum(now, ({ messages }) => messages), bytes: sizeOf(now) }
  if (seen !== null) return { messages: newSince(seen, now), bytes: null }
  if (!hasCopied) return all
  const { messages, bytes } = before()
  return { messages: lessOf(all.messages, messages), bytes: lessOf(all.bytes, bytes) }
}

function lessOf(all: number | null, some: number | null): number | null {
  return all === null || some === null ? null : Math.max(0, all - some)
}

function sizeOf(mailboxes: readonly MailboxStatus[]): number | null {
  return mailboxes.every(({ size }) => size != null) ? sum(mailboxes, ({ size }) => size ?? 0) : null
}

function newSince(seen: readonly MailboxStatus[], now: readonly MailboxStatus[]): number {
  const before = new Map(seen.map((mailbox) => [mailbox.name, mailbox]))
  return sum(now, ({ name, uidValidity, uidNext, messages }) => {
    const last = before.get(name)
    return last?.uidValidity === uidValidity ? Math.min(messages, Math.max(0, uidNext - last.uidNext)) : messages
  })
}

function sum(mailboxes: readonly MailboxStatus[], of: (mailbox: MailboxStatus) => number): number {
  return mailboxes.reduce((all, mailbox) => all + of(mailbox), 0)
}

/** Follows one attempt from its first message to the end of its ledger. */
export class Tracking {
  readonly #mailboxes: readonly MailboxStatus[]
  readonly #work: Work
  readonly #now: (() => number) | undefined
  #speed: Speed
  #step: Progress['step'] = 'copying'
  #folder = 1
  #messages = 0
  #bytes = 0

  constructor(mailboxes: readonly MailboxStatus[], work: Work, now?: () => number) {
    this.#mailboxes = mailboxes
    this.#work = work
    this.#now = now
    this.#speed = new Speed(now)
  }

  /** A message of the source is here. */
  brought({ mailbox, bytes }: Pick<Brought, 'mailbox' | 'bytes'>): void {
    this.#to('copying')
    this.#messages++
    this.#bytes += bytes
    const at = this.#mailboxes.findIndex(({ name }) => name === mailbox)
    if (at >= 0) this.#folder = at + 1
  }

  compared({ number, messages }: VerifyProgress): void {
    this.#to('proving')
    this.#folder = number
    this.#messages = messages
  }

  /** Each step has a pace of its own. */
  #to(step: Progress['step']): void {
    if (step === this.#step) return
    this.#step = step
    this.#speed = new Speed(this.#now)
    ;[this.#messages, this.#bytes] = [0, 0]
  }

  progress(): Progress {
    const speed = this.#speed.note(this.#messages, this.#bytes)
    const isCopying = this.#step === 'copying'
    const ofMessages = isCopying ? this.#work.messages : sum(this.#mailboxes, ({ messages }) => messages)
    const ofBytes = isCopying ? this.#work.bytes : null
    // Somebody gets mail meanwhile.
    const atLeast = (done: number, of: number | null) => of && Math.max(done, of)
    const known = { messages: this.#messages, ofMessages: atLeast(this.#messages, ofMessages) }
    const sizes = { bytes: this.#bytes, ofBytes: atLeast(this.#bytes, ofBytes) }
    return {
      ...{ step: this.#step, folder: this.#folder, folders: Math.max(this.#folder, this.#mailboxes.length) },
      ...known,
      ...sizes,
      messagesPerSecond: speed.messages,
      bytesPerSecond: speed.bytes,
      secondsLeft:
        secondsOf(sizes.bytes, sizes.ofBytes, speed.bytes) ??
        secondsOf(known.messages, known.ofMessages, speed.messages),
    }
  }
}

function secondsOf(done: number, of: number | null, perSecond: number): number | null {
  return of === null || perSecond <= 0 ? null : Math.ceil((of - done) / perSecond)
}
