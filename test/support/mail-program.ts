import { setTimeout as pause } from 'node:timers/promises'
import { type ImapAccount, ImapWire } from './imap-wire.ts'
import { namesIn } from './mailbox-state.ts'
import type { Naming } from './mailboxes.ts'
import { messageId } from './message-id.ts'

/** Where a message is, and what marks it has. */
export interface Kept {
  readonly folder: string
  readonly marks: string
}

/** Lies in the folder that is renamed. */
const BOXED = 'hers in the box.'
/** So many steps from one rename to the next. */
const RENAMES = 60

const MARKS = '\\Flagged hers'

/**
 * A mail program that works without a break: appends, marks, moves, deletes, renames a folder, which it is subscribed to. It
 * connects again when it is cut off, does once more what it has not heard the end of, and knows what must be there in the
 * end, by subject.
 */
export class MailProgram {
  readonly #account: ImapAccount
  readonly #prefix: string
  readonly #every: number
  readonly #expected = new Map<string, Kept>()
  #wire: ImapWire | undefined
  #stop: AbortSignal | undefined
  #steps = 0
  #last = 0
  /** How often the folder that is renamed again and again was. */
  #renamed = 0
  /** The longest time without an answer that it heard. */
  gapMs = 0
  /** What a person would have seen. */
  readonly refused: string[] = []

  /** @param everyMs between two steps */
  constructor(account: ImapAccount, { prefix }: Naming, everyMs: number) {
    this.#account = account
    this.#prefix = prefix
    this.#every = everyMs
  }

  /** Steps that it has heard the end of. */
  get steps(): number {
    return this.#steps
  }

  get expected(): ReadonlyMap<string, Kept> {
    return this.#expected
  }

  /** Folders beside the INBOX. */
  get subscribed(): ReadonlySet<string> {
    return new Set([this.#moved, this.#box])
  }

  async work(stop: AbortSignal): Promise<void> {
    this.#last = performance.now()
    this.#stop = stop
    const message = messageOf(BOXED)
    await this.#settled(async (wire) => {
      for (const folder of this.subscribed) await make(wire, folder)
      await append(wire, `"${this.#box}"`, BOXED, message)
    })
    this.#expected.set(BOXED, { folder: this.#box, marks: '' })
    while (!stop.aborted) {
      await this.#step()
      this.#steps++
      await pause(this.#every)
      this.#last += this.#every
    }
    await this.#wire?.[Symbol.asyncDispose]()
  }

  async #step(): Promise<void> {
    const kind = this.#steps % 5
    if (kind < 2) return await this.#append()
    if (kind === 4 && this.#steps % RENAMES === 4) return await this.#rename()
    const inbox = [...this.#expected].filter(([, { folder, marks }]) => folder === 'INBOX' && marks === '')
    const [subject] = inbox[Math.floor(Math.random() * inbox.length)] ?? []
    if (subject === undefined) return await this.#append()
    if (kind === 2) await this.#mark(subject)
    else if (kind === 3) await this.#move(subject)
    else await this.#remove(subject)
  }

  async #append(): Promise<void> {
    const subject = `hers ${this.#steps}.`
    const message = messageOf(subject)
    await this.#settled((wire) => append(wire, 'INBOX', subject, message))
    this.#expected.set(subject, { folder: 'INBOX', marks: '' })
  }

  async #mark(subject: string): Promise<void> {
    await this.#onOne(subject, (wire, uid) => wire.command(`UID STORE ${uid} +FLAGS (${MARKS})`))
    this.#expected.set(subject, { folder: 'INBOX', marks: MARKS })
  }

  async #move(subject: string): Promise<void> {
    await this.#onOne(subject, (wire, uid) => move(wire, uid, subject, this.#moved))
    this.#expected.set(subject, { folder: this.#moved, marks: '' })
  }

  async #remove(subject: string): Promise<void> {
    await this.#onOne(subject, remove)
    this.#expected.delete(subject)
  }

  get #moved(): string {
    return `${this.#prefix}Moved`
  }

  get #box(): string {
    return `${this.#prefix}Box ${this.#renamed}`
  }

  async #rename(): Promise<void> {
    const before = this.#box
    this.#renamed++
    await this.#settled(async (wire) => {
      if (!(await isThere(wire, this.#box))) await wire.command(`RENAME "${before}" "${this.#box}"`)
      await wire.command(`UNSUBSCRIBE "${before}"`)
      await wire.command(`SUBSCRIBE "${this.#box}"`)
    })
    this.#expected.set(BOXED, { folder: this.#box, marks: '' })
  }

  /** What is not in the INBOX any more was done before the answer was cut off. */
  async #onOne(subject: string, work: (wire: ImapWire, uid: string) => Promise<unknown>): Promise<void> {
    await this.#settled(async (wire) => {
      await wire.command('SELECT INBOX')
      const uid = await find(wire, subject)
      if (uid !== null) await work(wire, uid)
    })
  }

  async #settled(work: (wire: ImapWire) => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        this.#wire ??= await ImapWire.open(this.#account)
        await work(this.#wire)
        this.gapMs = Math.max(this.gapMs, Math.round(performance.now() - this.#last))
        this.#last = performance.now()
        return
      } catch (error) {
        this.#wire = undefined
        if (!/closed|ECONN|EPIPE|UNAVAILABLE|says nothing/.test(String(error))) this.refused.push(String(error))
        if (this.#stop?.aborted && tries > 1_000) throw error
        await pause(20)
      }
    }
  }
}

async function isThere(wire: ImapWire, folder: string): Promise<boolean> {
  return namesIn(await wire.command(`LIST "" "${folder}"`)).length > 0
}

/** Unless it is there, and is subscribed to it. */
async function make(wire: ImapWire, folder: string): Promise<void> {
  if (!(await isThere(wire, folder))) await wire.command(`CREATE "${folder}"`)
  await wire.command(`SUBSCRIBE "${folder}"`)
}

/** The same one, however often it is tried. */
function messageOf(subject: string): Buffer {
  return Buffer.from(`${messageId()}Subject: ${subject}\r\n\r\nhello\r\n`)
}

/** Unless it is there. */
async function append(wire: ImapWire, folder: string, subject: string, message: Buffer): Promise<void> {
  await wire.command(`SELECT ${folder}`)
  if ((await find(wire, subject)) !== null) return
  await wire.command(`APPEND ${folder} () `, message)
}

/** From the INBOX; where the server knows no MOVE, in three steps, of which the first one may have been heard already. */
async function move(wire: ImapWire, uid: string, subject: string, to: string): Promise<void> {
  const told = await wire.command('CAPABILITY')
  if (told.some(({ line }) => / MOVE\b/.test(line))) {
    await wire.command(`UID MOVE ${uid} ${to}`)
    return
  }
  await wire.command(`SELECT ${to}`)
  const isCopied = (await find(wire, subject)) !== null
  await wire.command('SELECT INBOX')
  if (!isCopied) await wire.command(`UID COPY ${uid} ${to}`)
  await remove(wire, uid)
}

async function remove(wire: ImapWire, uid: string): Promise<void> {
  await wire.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
  await wire.command(`UID EXPUNGE ${uid}`)
}

async function find(wire: ImapWire, subject: string): Promise<string | null> {
  const said = await wire.command(`UID SEARCH SUBJECT "${subject}"`)
  return said.map(({ line }) => /^\* SEARCH (\d+)/.exec(line)?.[1]).find((uid) => uid !== undefined) ?? null
}
