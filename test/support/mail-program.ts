import { setTimeout as pause } from 'node:timers/promises'
import { type ImapAccount, ImapWire } from './imap-wire.ts'
import { messageId } from './message-id.ts'

/** Where a message is, and what marks it has. */
export interface Kept {
  readonly folder: string
  readonly marks: string
}

/** A message as it was found. */
export interface Found extends Kept {
  readonly messageId: string
  /** Its UIDVALIDITY and UID. */
  readonly number: string
}

/** Lies in the folder that is renamed. */
const BOXED = 'hers in the box.'
/** So many steps from one rename to the next. */
const RENAMES = 60

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
    await this.#settled(async (wire) => {
      await create(wire, ['Moved', this.#box()])
      await append(wire, `"${this.#box()}"`, BOXED)
    })
    this.#expected.set(BOXED, { folder: this.#box(), marks: '' })
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
    await this.#settled((wire) => append(wire, 'INBOX', subject))
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
    this.#expected.set(BOXED, { folder: this.#box(), marks: '' })
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
export async function messagesOf(account: ImapAccount): Promise<Map<string, Found[]>> {
  await using wire = await ImapWire.open(account)
  const names = (await wire.command('LIST "" "*"')).flatMap(({ line }) => /"\/" "?([^"]+)"?$/.exec(line)?.[1] ?? [])
  const found = new Map<string, Found[]>()
  for (const folder of names) {
    const opened = await wire.command(`EXAMINE "${folder}"`)
    if (opened.some(({ line }) => line === '* 0 EXISTS')) continue
    const [, validity = ''] = /UIDVALIDITY (\d+)/.exec(opened.map(({ line }) => line).join(' ')) ?? []
    const answers = await wire.command('UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)])')
    for (const { line, literals } of answers) {
      const header = literals[0]?.toString() ?? ''
      const [, subject] = /^Subject: (.*)\r$/m.exec(header) ?? []
      const [, messageId = ''] = /^Message-ID: (.*)\r$/m.exec(header) ?? []
      const [, uid = ''] = /UID (\d+)/.exec(line) ?? []
      const [, flags = ''] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
      const marks = flags.split(' ').filter((flag) => MARKS.split(' ').includes(flag))
      if (subject === undefined) continue
      const one = { folder, marks: marks.sort().join(' '), messageId, number: `${validity} ${uid}` }
      found.set(subject, [...(found.get(subject) ?? []), one])
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

/** Unless it is there. */
async function append(wire: ImapWire, folder: string, subject: string): Promise<void> {
  await wire.command(`SELECT ${folder}`)
  if ((await find(wire, subject)) !== null) return
  const message = Buffer.from(`${messageId()}Subject: ${subject}\r\n\r\nhello\r\n`)
  await wire.command(`APPEND ${folder} () `, message)
}

async function find(wire: ImapWire, subject: string): Promise<string | null> {
  const said = await wire.command(`UID SEARCH SUBJECT "${subject}"`)
  return said.map(({ line }) => /^\* SEARCH (\d+)/.exec(line)?.[1]).find((uid) => uid !== undefined) ?? null
}
