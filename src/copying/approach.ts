import type { Credential } from '../keys/ports.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { NotFlipped } from '../model/not-flipped.ts'
import type { Sessions } from './flip-ports.ts'
import { endSessions, MOST_ROUNDS } from './hold.ts'
import type { Job, MirrorFlip, StatusCheck } from './ports.ts'

export interface ApproachDeps {
  readonly sessions: Sessions
  readonly statusCheck: StatusCheck
}

/** Brings the mirror to what the source is, and proves it. */
export class Approach {
  readonly #job: Job
  readonly #credential: Credential
  readonly #mirror: MirrorFlip
  readonly #deps: ApproachDeps
  readonly #signal: AbortSignal
  /** The source's mailboxes when what the mirror has of them was proved, by name. */
  readonly #proved = new Map<string, string>()
  mailboxes: readonly MailboxStatus[] = []

  constructor(job: Job, credential: Credential, mirror: MirrorFlip, deps: ApproachDeps, signal: AbortSignal) {
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
      await endSessions(() => this.#deps.sessions.end(this.#job.address), 'old', this.#signal)
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
}

/** Whether a change of any kind would show. */
function isQuiet({ highestModseq, uidValidity }: MailboxStatus): boolean {
  return highestModseq !== null && uidValidity !== null
}

function line({ name, uidValidity, uidNext, messages, highestModseq }: MailboxStatus): string {
  return JSON.stringify([name, uidValidity, uidNext, messages, highestModseq])
}
