import type { Socket } from 'node:net'
import type { Foreseen } from '../../copying/ports.ts'
import { within } from '../../model/timeout.ts'
import type { Lent, LoggedIn } from '../login/connection.ts'
import { Ahead } from './ahead.ts'
import { type Listener, Overhear } from './overhear.ts'
import { ReadOnly, WritesError } from './read-only.ts'

/** What is the tunnel's own affair, or cannot be gone through with on a connection that others use later. */
const NOT_PASSED = /^(AUTH=|LOGINDISABLED|STARTTLS|SASL-IR|COMPRESS=|IDLE$|UTF8=|IMAP4REV2$)/i

/** Not every server hangs up when it is asked to. */
const LEAVE_LIMIT_MS = 5_000

/** By host and port: servers that do not tell a mailbox's next UID when it is opened. doveadm asks for it, twice. */
const withoutUidNext = new Set<string>()

/** What the source was asked; null: by the program, and not ahead of it. */
interface Asked {
  readonly tag: string
  readonly ahead: Ahead | null
}

/** A program's IMAP with a source where the tunnel is signed in: it signs in here, and leaves here. */
export class Conversation {
  readonly #client: LoggedIn
  readonly #password: string
  readonly #overhear: Overhear
  readonly #lent: Lent
  readonly #over = Promise.withResolvers<void>()
  /** In the order in which the source answers. */
  readonly #asked: Asked[] = []
  /** By the command. */
  readonly #ahead = new Map<string, Ahead>()
  /** What the program asks of each mailbox that it opens. */
  #first: string
  #near: Socket | null = null
  #number = 0
  #isIn = false
  /** The tag of a LOGOUT that waits for the answers before it. */
  #leaving: string | null = null
  #isClean = false
  #isStopped = false

  constructor(client: LoggedIn, lent: Lent, password: string, listener: Pick<Listener, 'onBody' | 'onListing'>) {
    this.#client = client
    this.#password = password
    this.#overhear = new Overhear({ ...listener, onEnd: (tag) => this.#answered(tag) })
    this.#first = `UID FETCH 1:* (FLAGS${client.capabilities.has('CONDSTORE') ? ' MODSEQ' : ''})`
    this.#lent = lent
    this.#lent.socket.on('data', this.#pass).once('close', this.#over.resolve).resume()
  }

  /** Asks what the program will ask soon: it need not wait for it then. What is known is not asked. */
  askAhead(foreseen: readonly Foreseen[]): void {
    const lines: string[] = []
    const all = foreseen.flatMap((one) => [one, ...this.#afterOpening(one.text)])
    for (const { text, answer } of all) {
      const ahead = new Ahead(`ahead${++this.#number}`, text)
      this.#ahead.set(text, ahead)
      if (answer !== undefined) {
        ahead.add(Buffer.from(`${answer}\r\n${ahead.tag} OK done\r\n`))
        ahead.end()
        continue
      }
      this.#asked.push({ tag: ahead.tag, ahead })
      this.#overhear.asked(`${ahead.tag} ${text}`)
      lines.push(`${ahead.tag} ${text}\r\n`)
    }
    if (lines.length > 0) this.#lent.socket.write(lines.join(''))
  }

  /** What whoever opens a mailbox asks next. */
  #afterOpening(text: string): Foreseen[] {
    const [, name] = /^EXAMINE ("[^"]*")$/i.exec(text) ?? []
    if (name === undefined) return []
    const status = withoutUidNext.has(this.#client.place) ? [{ text: `STATUS ${name} (UIDNEXT)` }] : []
    return [{ text: this.#first }, ...status]
  }

  /** What has come is handed on, and nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /** @throws WritesError when the program wants to write */
  async run(near: Socket): Promise<void> {
    const far = this.#lent.socket
    const commands = new ReadOnly((line) => this.#isForSource(line))
    const goOn = () => far.resume()
    this.#near = near
    commands.on('data', (part: Buffer) => this.#send(part)).once('error', this.#over.reject)
    near.on('drain', goOn).once('close', this.#over.resolve).once('error', this.#over.resolve).pipe(commands)
    near.write(`* OK [CAPABILITY ${this.#capabilities}] ready\r\n`)
    try {
      await this.#over.promise
    } finally {
      near.unpipe(commands)
      near.off('drain', goOn)
      // What it has read of the answers counts.
      near.destroySoon()
    }
  }

  /** The connection is given back, unless something is under way on it. */
  async end(): Promise<void> {
    const isIdle = this.#near === null || this.#isClean
    const { socket, giveBack } = this.#lent
    socket.off('data', this.#pass).off('close', this.#over.resolve)
    this.#overhear.leave()
    if (isIdle && this.#asked.length === 0 && this.#overhear.isBetween) return giveBack()
    // The source would go on to send what was asked for.
    if (this.#isStopped) socket.destroy()
    else await hangUp(socket)
    this.#client.close()
  }

  get #capabilities(): string {
    const all = [...this.#client.capabilities].map(([name, value]) => (value === true ? name : `${name}=${value}`))
    return all.filter((name) => !NOT_PASSED.test(name)).join(' ')
  }

  #isForSource(line: string): boolean {
    const [tag = '', command = ''] = line.split(' ', 2)
    switch (command.toUpperCase()) {
      case 'LOGIN':
        this.#signIn(tag, line)
        return false
      case 'LOGOUT':
        this.#leaving = tag
        this.#leaveIfDone()
        return false
      case 'CAPABILITY':
        if (this.#isIn) break
        this.#near?.write(`* CAPABILITY ${this.#capabilities}\r\n${tag} OK done\r\n`)
        return false
    }
    if (!this.#isIn) throw new WritesError('not signed in')
    if (this.#isAnsweredAhead(tag, line.slice(tag.length + 1))) return false
    this.#asked.push({ tag, ahead: null })
    this.#overhear.asked(line)
    return true
  }

  #signIn(tag: string, line: string): void {
    this.#isIn ||= new RegExp(`^\\S+ LOGIN \\S+ "?${this.#password}"?$`, 'i').test(line)
    this.#near?.write(this.#isIn ? `${tag} OK [CAPABILITY ${this.#capabilities}] signed in\r\n` : `${tag} NO wrong\r\n`)
  }

  #isAnsweredAhead(tag: string, text: string): boolean {
    const ahead = this.#ahead.get(text)
    if (/^STATUS "[^"]*" \(UIDNEXT\)$/.test(text)) withoutUidNext.add(this.#client.place)
    if (/^UID FETCH 1:\* /.test(text)) this.#first = text
    if (ahead === undefined || !ahead.isFresh || this.#asked.some((one) => one.ahead === null)) {
      this.#forget(text)
      return false
    }
    // A mailbox changes; what there is of them, hardly.
    if (isOfMailbox(text)) this.#ahead.delete(text)
    ahead.claim(tag, (answer) => {
      this.#near?.write(answer)
    })
    return true
  }

  /** What was asked ahead of a mailbox says nothing of another. */
  #forget(text: string): void {
    const some = [...this.#ahead].filter(([text]) => isOfMailbox(text))
    if (isOpening(text)) for (const [text] of some) this.#ahead.delete(text)
    // The program would never hear of it, unless it has yet to open the mailbox.
    else if (!some.some(([text]) => isOpening(text)) && some.some(([, ahead]) => ahead.tellsNews)) this.#over.resolve()
  }

  #send(part: Buffer): void {
    const far = this.#lent.socket
    far.write(part)
    // One round trip less for each mailbox.
    const [, text = ''] = /^\S+ (EXAMINE "[^"]*")\r\n$/i.exec(part.toString('latin1', 0, 1_000)) ?? []
    this.askAhead(this.#afterOpening(text))
  }

  /** Where in this chunk an answer has ended. */
  #ends: { tag: string; at: number }[] = []

  readonly #pass = (chunk: Buffer): void => {
    this.#ends = []
    this.#overhear.hear(chunk)
    let from = 0
    for (const { tag, at } of this.#ends) {
      this.#deliver(chunk.subarray(from, at))
      this.#conclude(tag)
      from = at
    }
    this.#deliver(chunk.subarray(from))
    this.#leaveIfDone()
    if (this.#isStopped) this.#over.resolve()
  }

  #answered(tag: string): void {
    this.#ends.push({ tag, at: this.#overhear.at })
  }

  #deliver(part: Buffer): void {
    const ahead = this.#asked[0]?.ahead
    if (part.length === 0) return
    if (ahead) ahead.add(part)
    else if (this.#near?.write(part) === false) this.#lent.socket.pause()
  }

  #conclude(tag: string): void {
    const at = this.#asked.findIndex((one) => one.tag === tag)
    const [one] = at < 0 ? [] : this.#asked.splice(at, 1)
    one?.ahead?.end()
    // It answers in another order than it was asked: nobody knows whose these lines were.
    if (at > 0 && (one?.ahead || this.#asked.some(({ ahead }) => ahead !== null))) this.#over.resolve()
  }

  #leaveIfDone(): void {
    if (this.#leaving === null || this.#asked.length > 0 || !this.#overhear.isBetween) return
    this.#isClean = true
    this.#near?.end(`* BYE bye\r\n${this.#leaving} OK done\r\n`)
    this.#over.resolve()
  }
}

function isOpening(text: string): boolean {
  return /^EXAMINE /i.test(text)
}

/** It says nothing of another mailbox. */
function isOfMailbox(text: string): boolean {
  return isOpening(text) || text.startsWith('UID ')
}

/** The source counts a connection until it has closed it, too. */
async function hangUp(socket: Socket): Promise<void> {
  if (socket.destroyed) return
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume().end()
  await within(LEAVE_LIMIT_MS, closed).catch(() => undefined)
}
