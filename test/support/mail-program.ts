import { setTimeout as pause } from 'node:timers/promises'
import { type ImapAccount, ImapWire } from './imap-wire.ts'
import { messageId } from './message-id.ts'

/** Where a message is, and what marks it has. */
export interface Kept {
  readonly folder: string
  readonly marks: string
}

const MARKS = '\\Flagged hers'

/**
 * A mail program that works without a break: appends, marks, moves, deletes, renames a folder. It connects again when it is
 * cut off, does once more what it has not heard the end of, and knows what must be there in the end, by subject.
 */
export class MailProgram {
  readonly #account: ImapAccount
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
  constructor(account: ImapAccount, everyMs: number) {
    this.#account = account
    this.#every = everyMs
  }

  /** Steps that it has heard the end of. */
  get steps(): number {
    return this.#steps
  }

  get expected(): ReadonlyMap<string, Kept> {
    return this.#expected
  }

  async work(stop: AbortSignal): Promise<void> {
    this.#last = performance.now()
    this.#stop = stop
    await this.#settled((wire) => create(wire, ['Moved', this.#box()]))
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
    if (kind === 4 && this.#steps % 60 === 4) return await this.#rename()
    const inbox = [...this.#expected].filter(([, { folder, marks }]) => folder === 'INBOX' && marks === '')
    const [subject] = inbox[Math.floor(Math.random() * inbox.length)] ?? []
    if (subject === undefined) return await this.#append()
    if (kind === 2) await this.#mark(subject)
    else if (kind === 3) await this.#move(subject)
    else await this.#remove(subject)
  }

  async #append(): Promise<void> {
    const subject = `hers ${this.#steps}.`
    await this.#settled(async (wire) => {
      await wire.command('SELECT INBOX')
      if ((await find(wire, subject)) === null) {
        await wire.command('APPEND INBOX () ', Buffer.from(`${messageId()}Subject: ${subject}\r\n\r\nhello\r\n`))
      }
    })
    this.#expected.set(subject, { folder: 'INBOX', marks: '' })
  }

  async #mark(subject: string): Promise<void> {
    await this.#onOne(subject, (wire, uid) => wire.command(`UID STORE ${uid} +FLAGS (${MARKS})`))
    this.#expected.set(subject, { folder: 'INBOX', marks: MARKS })
  }

  async #move(subject: string): Promise<void> {
    await this.#onOne(subject, (wire, uid) => wire.command(`UID MOVE ${uid} Moved`))
    this.#expected.set(subject, { folder: 'Moved', marks: '' })
  }

  async #remove(subject: string): Promise<void> {
    await this.#onOne(subject, async (wire, uid) => {
      await wire.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
      await wire.command(`UID EXPUNGE ${uid}`)
    })
    this.#expected.delete(subject)
  }

  #box(): string {
    return `Box ${this.#renamed}`
  }

  async #rename(): Promise<void> {
    const before = this.#box()
    this.#renamed++
    await this.#settled(async (wire) => {
      const all = (await wire.command(`LIST "" "Box %"`)).map(({ line }) => line).join('\n')
      if (!all.includes(this.#box())) await wire.command(`RENAME "${before}" "${this.#box()}"`)
    })
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

/** Every message that an account has, by subject: once for each time that it is there. */
export async function messagesOf(account: ImapAccount): Promise<Map<string, Kept[]>> {
  await using wire = await ImapWire.open(account)
  const names = (await wire.command('LIST "" "*"')).flatMap(({ line }) => /"\/" "?([^"]+)"?$/.exec(line)?.[1] ?? [])
  const found = new Map<string, Kept[]>()
  for (const folder of names) {
    const opened = await wire.command(`EXAMINE "${folder}"`)
    if (opened.some(({ line }) => line === '* 0 EXISTS')) continue
    const answers = await wire.command('FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
    for (const { line, literals } of answers) {
      const [, subject] = /^Subject: (.*)\r$/m.exec(literals[0]?.toString() ?? '') ?? []
      const [, flags = ''] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
      const marks = flags.split(' ').filter((flag) => MARKS.split(' ').includes(flag))
      if (subject === undefined) continue
      found.set(subject, [...(found.get(subject) ?? []), { folder, marks: marks.sort().join(' ') }])
    }
  }
  return found
}

async function create(wire: ImapWire, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const all = await wire.command(`LIST "" "${name}"`)
    if (!all.some(({ line }) => line.startsWith('* LIST'))) await wire.command(`CREATE "${name}"`)
  }
}

async function find(wire: ImapWire, subject: string): Promise<string | null> {
  const said = await wire.command(`UID SEARCH SUBJECT "${subject}"`)
  return said.map(({ line }) => /^\* SEARCH (\d+)/.exec(line)?.[1]).find((uid) => uid !== undefined) ?? null
}
